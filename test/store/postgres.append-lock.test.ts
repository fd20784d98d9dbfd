/** What a replica has to follow before it may append is followed before it keeps others from appending. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Batch, Head, Row } from '../../src/ports.ts';
import { Link } from '../../src/store/postgres/link.ts';
import { openPostgres, type PostgresStore } from '../../src/store/postgres.ts';
import { kernel } from '../kernel.ts';
import { onPostgres } from './postgres.suite.ts';
import { batchAfter, isWhole } from './rows.ts';

onPostgres('the right to append', (on) => {
  let chains = 0;
  const fresh = () => `right-${chains++}`;
  const stores: PostgresStore[] = [];
  const open = async (chain: string): Promise<PostgresStore> => {
    const store = await openPostgres({ url: on.url, chain });
    stores.push(store);
    return store;
  };
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
  const many = (head: Head | null, count: number): Batch => batchAfter(head, Array(count).fill({}));
  /** Somebody who has the right, and does nothing with it. */
  async function holder(chain: string): Promise<{ end(): Promise<void> }> {
    const link = new Link({ address: [on.url], patience: 0, greet: async () => {} });
    const session = await link.session();
    await session.run(`BEGIN; SELECT FROM aga.chains WHERE name = '${chain}' FOR UPDATE`);
    return { end: () => link.close() };
  }
  /** Until so many wait for a lock. */
  const waiting = (count: number) =>
    expect
      .poll(async () => Number((await on.pg.sql(on.url, 'SELECT count(*) FROM pg_locks WHERE NOT granted'))[0]![0]))
      .toBe(count);

  /** Appends one entry as a replica that has seen `size`; tells what it was shown, before the right was had and with it. */
  async function join(store: PostgresStore, size: number): Promise<{ before: number[]; under: number[] }> {
    const seen: { before: number[]; under: number[] } = { before: [], under: [] };
    const numbers = (rows: readonly Row[]) => rows.map(({ sequence_number }) => sequence_number);
    await store.commit(
      size,
      (news, head) => {
        seen.under = numbers(news);
        return many(head, 1);
      },
      (rows) => {
        seen.before.push(...numbers(rows));
      },
    );
    return seen;
  }

  test('one that is far behind catches up first, and is shown every row once, in order', async () => {
    const chain = fresh();
    const [ahead, behind] = [await open(chain), await open(chain)];
    for (let size = 0; size < 5000; size += 1000) await ahead.commit(size, (_, head) => many(head, 1000));
    const { before, under } = await join(behind, 10);
    expect([...before, ...under]).toEqual(Array.from({ length: 4990 }, (_, i) => i + 10));
    expect(under.length).toBeLessThan(500);
    const { rows, head } = await behind.read({ after: -1, limit: 9999 });
    expect(rows).toHaveLength(5001);
    expect(isWhole(rows, head)).toBe(true);
  });

  test('others append while it catches up: what it follows takes their time only at the end', async () => {
    const chain = fresh();
    const [ahead, behind] = [await open(chain), await open(chain)];
    for (let size = 0; size < 4000; size += 1000) await ahead.commit(size, (_, head) => many(head, 1000));
    const joining = join(behind, 0);
    for (let i = 0; i < 20; i++) await join(ahead, 4000);
    const { before, under } = await joining;
    expect([...before, ...under]).toEqual(Array.from({ length: before.length + under.length }, (_, i) => i));
    expect(under.length).toBeLessThan(500);
    const { rows, head } = await behind.read({ after: -1, limit: 9999 });
    expect(rows).toHaveLength(4021);
    expect(isWhole(rows, head)).toBe(true);
  });

  test('a broken chain is noticed while it catches up, and nobody is kept from appending', async () => {
    const chain = fresh();
    const [a, b] = [await open(chain), await open(chain)];
    for (let size = 0; size < 2000; size += 1000) await a.commit(size, (_, head) => many(head, 1000));
    const commit = b.commit(
      0,
      () => {
        throw new Error('decided on a chain that is broken');
      },
      () => {
        throw new Error('broken');
      },
    );
    await expect(commit).rejects.toThrow(/^broken$/);
    await a.commit(2000, (_, head) => many(head, 1));
    expect((await join(b, 2001)).under).toEqual([]);
  });

  test('who comes while the right is waited for is decided with those who waited', async () => {
    const chain = fresh();
    const { call, audit } = kernel({ store: await open(chain) });
    const { artifact_hash: parent_artifact_hash } = await call('aga_create_artifact', {});
    const held = await holder(chain);
    const calls = [];
    for (let i = 0; i < 4; i++) {
      calls.push(call('aga_delegate_to_subagent', { parent_artifact_hash, sub_agent_id: `${i}` }));
      if (i === 0) await waiting(1);
      await sleep(5);
    }
    await held.end();
    await Promise.all(calls);
    const [[batches]] = (await on.pg.sql(
      on.url,
      `SELECT count(*) FROM aga.checkpoints AS k JOIN aga.chains AS c ON c.id = k.chain WHERE c.name = '${chain}'`,
    )) as [[string]];
    // The first begins the chain, the second is for all who waited.
    expect(Number(batches)).toBe(2);
    expect((await audit()).findings).toEqual([]);
  });

  test('a replica that slept through a thousand entries follows them without the lock, and goes on', async () => {
    const chain = fresh();
    const [awake, asleep] = [await open(chain), await open(chain)];
    const under: number[] = [];
    const commit = asleep.commit.bind(asleep);
    asleep.commit = (size, decide, follow) =>
      commit(
        size,
        (news, head) => {
          under.push(news.length);
          return decide(news, head);
        },
        follow,
      );
    const [a, b] = [kernel({ store: awake }), kernel({ store: asleep })];
    const { artifact_hash } = await a.call('aga_create_artifact', { max_children: 10_000 });
    const more = { parent_artifact_hash: artifact_hash };
    await b.call('aga_delegate_to_subagent', more);
    for (let i = 0; i < 5; i++)
      await Promise.all(Array.from({ length: 220 }, () => a.call('aga_delegate_to_subagent', more)));
    await b.call('aga_delegate_to_subagent', more);
    expect(under.at(-1)).toBeLessThan(500);
    expect((await b.audit()).findings).toEqual([]);
    expect((await asleep.read({ after: -1, limit: 9999 })).rows).toHaveLength(1104);
  });

  test('one that has always more to append does not keep the others from it', { retry: 2 }, async () => {
    const chain = fresh();
    const [busy, other] = [await open(chain), await open(chain)];
    let isBusy = true;
    let size = 0;
    let appended = 0;
    const work = (async () => {
      for (; isBusy; appended++)
        await busy.commit(size, (_, head) => {
          size = (head?.size ?? 0) + 1;
          return many(head, 1);
        });
    })();
    await sleep(100);
    for (let i = 0; i < 5; i++) {
      const begun = performance.now();
      await join(other, 0);
      expect(performance.now() - begun).toBeLessThan(500);
    }
    isBusy = false;
    await work;
    // Nobody has it who does not need it.
    await sleep(20);
    const held = await on.pg.sql(on.url, `SELECT FROM aga.chains WHERE name = '${chain}' FOR UPDATE NOWAIT`);
    expect(held).toHaveLength(1);
    const { rows, head } = await other.read({ after: -1, limit: 99_999 });
    expect(rows).toHaveLength(appended + 5);
    expect(isWhole(rows, head)).toBe(true);
  });
});
