/** Who waits hears of what others append at once; who cannot hear loses nothing but time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openPostgres, type PostgresOptions, type PostgresStore } from '../../src/store/postgres.ts';
import { onPostgres } from './postgres.suite.ts';
import { wire } from './postgres.wire.ts';
import { batchAfter, isWhole } from './rows.ts';

onPostgres('news from PostgreSQL', (on) => {
  let chains = 0;
  const fresh = () => `news-${chains++}`;
  const stores: PostgresStore[] = [];
  const open = async (chain: string, options: Partial<PostgresOptions> = {}): Promise<PostgresStore> => {
    const store = await openPostgres({ url: on.url, chain, ...options });
    stores.push(store);
    return store;
  };
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

  /** Counts what a store hears, from when its connection listens. */
  async function ear(store: PostgresStore): Promise<{ count: number; next(within?: number): Promise<number> }> {
    let wake = (): void => {};
    const heard = {
      count: 0,
      /** Milliseconds until the next one. */
      async next(within = 2000): Promise<number> {
        const begun = performance.now();
        const count = heard.count;
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), sleep(within)]);
        if (heard.count === count) throw new Error('nothing was heard');
        return performance.now() - begun;
      },
    };
    store.onNews(() => {
      heard.count += 1;
      wake();
    });
    await heard.next(10_000);
    heard.count = 0;
    return heard;
  }
  const append = (store: PostgresStore, size: number) => store.commit(size, (_, head) => batchAfter(head, [{}]));
  const listening = `query LIKE 'LISTEN%' OR query = 'SELECT'`;

  test('what another one appends, and not what oneself does', async () => {
    const chain = fresh();
    const [a, b] = [await open(chain), await open(chain)];
    const [atA, atB] = [await ear(a), await ear(b)];
    const told = atB.next();
    await append(a, 0);
    expect(await told).toBeLessThan(1000);
    expect(atA.count).toBe(0);
    // It is there when it is heard of.
    expect((await b.read({ after: -1, limit: 9 })).rows).toHaveLength(1);
  });

  test('of its own chain only', async () => {
    const [a, b] = [await open(fresh()), await open(fresh())];
    const atB = await ear(b);
    await append(a, 0);
    await sleep(150);
    expect(atB.count).toBe(0);
  });

  test('many commits in a moment are told a few times, and the last of them surely', async () => {
    const chain = fresh();
    const [a, b] = [await open(chain), await open(chain)];
    const atB = await ear(b);
    let seen = 0;
    b.onNews(() => void b.read({ after: -1, limit: 1000 }).then(({ rows }) => (seen = rows.length)));
    const begun = performance.now();
    for (let i = 0; i < 100; i++) await append(a, i);
    const most = (performance.now() - begun) / 20 + 3;
    await expect.poll(() => seen, { timeout: 2000 }).toBe(100);
    expect(atB.count).toBeLessThan(most);
  });

  test('one that appends and goes has told it', async () => {
    const chain = fresh();
    const atB = await ear(await open(chain));
    const once = await openPostgres({ url: on.url, chain });
    await append(once, 0);
    await append(once, 1);
    const told = atB.next();
    await once.close();
    await told;
  });

  test('a connection that is ended is made again, and what was missed meanwhile counts as news', async () => {
    const chain = fresh();
    const [a, b] = [await open(chain), await open(chain)];
    const atB = await ear(b);
    for (let round = 0; round < 3; round++) {
      const again = atB.next(5000);
      const ended = await on.pg.sql(
        on.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND (${listening})`,
      );
      expect(ended.length).toBeGreaterThan(0);
      await append(a, round);
      await again;
      expect((await b.read({ after: -1, limit: 9 })).rows).toHaveLength(round + 1);
    }
    const told = atB.next();
    await append(a, 3);
    expect(await told).toBeLessThan(1000);
  });

  test('a connection that is silently cut is noticed; until then all else goes on as before', async () => {
    const line = await wire(on.url);
    const chain = fresh();
    const [a, b] = [await open(chain), await open(chain, { url: line.url, silence: 300 })];
    const atB = await ear(b);
    line.deafen();
    await append(a, 0);
    await sleep(100);
    expect(atB.count).toBe(0);
    // Correctness does not depend on it.
    await b.commit(0, (news, head) => {
      expect(news).toHaveLength(1);
      return batchAfter(head, [{ note: 'b' }]);
    });
    await atB.next(5000);
    const told = atB.next();
    await append(a, 2);
    await told;
    const { rows, head } = await b.read({ after: -1, limit: 9 });
    expect(isWhole(rows, head)).toBe(true);
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await line.close();
  });

  test('nobody listens who does not wait, and a store that is closed leaves no connection', async () => {
    const database = await on.pg.database();
    const connections = async () =>
      Number(
        (
          await on.pg.sql(
            database,
            `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'aga-delegate'`,
          )
        )[0]![0],
      );
    const store = await openPostgres({ url: database, chain: 'one' });
    await append(store, 0);
    expect(await connections()).toBe(2);
    await ear(store);
    expect(await connections()).toBe(3);
    await store.close();
    await expect.poll(connections).toBe(0);
  });
});
