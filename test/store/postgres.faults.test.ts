/** A replica whose wire breaks at every point of a commit, and one whose database is away, changed or slow. */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Query, Store } from '../../src/ports.ts';
import { greet } from '../../src/store/postgres/greet.ts';
import { Link } from '../../src/store/postgres/link.ts';
import { openPostgres, type PostgresOptions } from '../../src/store/postgres.ts';
import { type Kernel, kernel, kinds, refusal } from '../kernel.ts';
import { missing, type Server, server } from './postgres.server.ts';
import { type Cut, type Wire, wire } from './postgres.wire.ts';
import { batchAfter, isWhole } from './rows.ts';

const ALL: Query = { after: -1, limit: 100_000 };

describe.skipIf(missing !== undefined)(`faults of PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  let pg: Server;
  let url: string;
  let line: Wire;
  beforeAll(async () => {
    pg = await server();
    url = await pg.database();
    line = await wire(url);
  });
  afterAll(async () => {
    await line?.close();
    await pg?.stop();
  });

  let chains = 0;
  const fresh = () => `faults-${chains++}`;
  const stores: Store[] = [];
  const open = async (chain: string, through = line.url, options: Partial<PostgresOptions> = {}) => {
    const store = await openPostgres({ url: through, chain, ...options });
    stores.push(store);
    return store;
  };
  afterAll(() => Promise.all(stores.map((store) => store.close())));

  describe('a commit whose connection is cut', () => {
    const written: Partial<Record<Cut, boolean>> = { lost: false, done: true, late: true };

    test.each(Object.entries(written) as [Cut, boolean][])(
      '%s: the store tells what became of it',
      async (cut, there) => {
        const store = await open(fresh());
        await store.commit(0, (_, head) => batchAfter(head, [{}]));
        line.cuts.push(cut);
        await expect(store.commit(1, (_, head) => batchAfter(head, [{ note: 'cut' }]))).rejects.toThrow(
          'in mid-commit',
        );
        // Asked at once: a transaction that may still be committed is waited for.
        const { rows, head } = await store.read(ALL);
        expect(rows).toHaveLength(there ? 2 : 1);
        expect(isWhole(rows, head)).toBe(true);
        await store.commit(rows.length, (news, at) => {
          expect(news).toEqual([]);
          return batchAfter(at, [{ note: 'after' }]);
        });
        const after = await store.read(ALL);
        expect(after.rows).toHaveLength(there ? 3 : 2);
        expect(isWhole(after.rows, after.head)).toBe(true);
      },
    );

    test.each(Object.entries(written) as [Cut, boolean][])(
      '%s: the call is answered with the truth',
      async (cut, there) => {
        const chain = fresh();
        const store = await open(chain);
        const { call, audit } = kernel({ store });
        await call('aga_create_artifact', {});
        line.cuts.push(cut);
        const input = { sub_agent_id: 'child', request_id: 'once' };
        const answer = await call('aga_delegate_to_subagent', input).catch((error) => error.body);
        if (there) expect(answer.success).toBe(true);
        else
          expect(answer).toMatchObject({
            code: 'CHAIN_CONTENDED',
            retryable: true,
            message: expect.stringContaining('nothing was recorded'),
          });
        const again = await call('aga_delegate_to_subagent', input);
        if (there) expect(again).toEqual(answer);
        expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'DELEGATION']);
        expect((await audit()).findings).toEqual([]);
      },
    );
  });

  /** A replica that others append beside: it leaves the disk to a flush behind its commit. */
  const beside = async (chain: string, options: Partial<PostgresOptions> = {}): Promise<Kernel> => {
    const made = kernel({ store: await open(chain, line.url, options) });
    const other = kernel({ store: await open(chain, url) });
    const { artifact_hash } = await made.call('aga_create_artifact', {});
    await other.call('aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash });
    await made.call('aga_create_artifact', {});
    return made;
  };

  test('a connection that is cut between a commit and its flush: another one makes it durable, and the answer stands', async () => {
    const { call, audit, store } = await beside(fresh());
    const before = await kinds(store);
    line.cuts.push('last');
    const input = { sub_agent_id: 'child', request_id: 'once' };
    const answer = await call('aga_delegate_to_subagent', input);
    expect(line.cuts).toEqual([]);
    expect(await call('aga_delegate_to_subagent', input)).toEqual(answer);
    expect(await kinds(store)).toEqual([...before, 'DELEGATION']);
    expect((await audit()).findings).toEqual([]);
  });

  test('cut there, and away: nobody is told that it happened, and a retry finds the first outcome', async () => {
    const { call, audit } = await beside(fresh(), { patience: 200 });
    const input = { sub_agent_id: 'child', request_id: 'once' };
    line.cuts.push('last');
    line.closed = true;
    expect(await refusal(call('aga_delegate_to_subagent', input))).toMatchObject({
      code: 'CHAIN_CONTENDED',
      message: expect.stringContaining('not known yet'),
      retryable: true,
    });
    line.closed = false;
    const first = await call('aga_delegate_to_subagent', input);
    expect(await call('aga_delegate_to_subagent', input)).toEqual(first);
    expect((await audit()).findings).toEqual([]);
  });

  test('what is not on the chain is not durable, however much of ours stands there since', async () => {
    const store = await openPostgres({ url, chain: fresh() });
    stores.push(store);
    await store.commit(0, (_, head) => batchAfter(head, [{ note: 'a' }, { note: 'b' }]));
    const { rows, head } = await store.read(ALL);
    await store.durable(head!);
    await store.durable({ size: 1, entry_hash: rows[0]!.entry_hash });
    for (const size of [1, 2, 3])
      await expect(store.durable({ size, entry_hash: '0'.repeat(64) })).rejects.toThrow(/come back from a crash/);
  });

  test('a server that is told not to wait for its disk makes no session of ours stop waiting', async () => {
    const link = new Link({
      address: [url],
      patience: 0,
      greet: (session) => greet(session, { lock: 1000, standstill: 1000, known: true }),
    });
    const session = await link.session();
    const told = async (how: string): Promise<void> => {
      await pg.sql(url, `ALTER SYSTEM ${how}`, 'SELECT pg_reload_conf()');
      await expect
        .poll(async () => (await pg.sql(url, 'SHOW synchronous_commit'))[0]![0])
        .toBe(how.startsWith('SET') ? 'off' : 'on');
    };
    try {
      await told('SET synchronous_commit = off');
      expect(await session.run('SHOW synchronous_commit')).toEqual([[['on']]]);
    } finally {
      await told('RESET synchronous_commit');
      await link.close();
    }
  });

  test('a batch that ends in the middle leaves no lock, and no place in the line', async () => {
    const chain = fresh();
    const [a, b] = [await open(chain, url), await open(chain, url)];
    await a.commit(0, (_, head) => batchAfter(head, [{}]));
    for (let size = 1; size < 7; size += 2) {
      // Beside each other they stand in line.
      await b.commit(
        size - 1,
        (_, head) => batchAfter(head, [{}]),
        () => {},
      );
      await a.commit(
        size,
        (_, head) => batchAfter(head, [{}]),
        () => {},
      );
      const stopped = a.commit(
        size + 1,
        () => {
          throw new Error('stopped');
        },
        () => {},
      );
      await expect(stopped).rejects.toThrow('stopped');
      await expect(
        b.commit(
          size,
          () => null,
          () => Promise.reject(new Error('broken')),
        ),
      ).rejects.toThrow('broken');
      const held = await pg.sql(
        url,
        `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND datname = current_database()`,
      );
      expect(Number(held[0]![0])).toBe(0);
    }
  });

  test('a database that is away: CHAIN_CONTENDED within seconds, and a retry finds the first outcome', async () => {
    const chain = fresh();
    const store = await open(chain);
    const { call, audit } = kernel({ store });
    const { artifact_hash } = await call('aga_create_artifact', {});
    const input = { sub_agent_id: 'child', request_id: 'once' };
    line.cuts.push('done');
    const severed = call('aga_delegate_to_subagent', input);
    await sleep(2);
    line.sever();
    const body = await refusal(severed.then((answer) => Promise.reject(new Error(JSON.stringify(answer)))));
    expect(body).toMatchObject({ code: 'CHAIN_CONTENDED', retryable: true });
    for (const [tool, question] of [
      ['aga_delegate_to_subagent', input],
      ['aga_inspect', { artifact_hash }],
      ['aga_check_permission', { artifact_hash, capability: 'tool.call', resource: 'x' }],
    ] as const) {
      const begun = performance.now();
      expect(await refusal(call(tool, question))).toMatchObject({ code: 'CHAIN_CONTENDED' });
      expect(performance.now() - begun).toBeLessThan(4000);
    }
    line.mend();
    const first = await call('aga_delegate_to_subagent', input);
    expect(await call('aga_delegate_to_subagent', input)).toEqual(first);
    expect((await kinds(store)).filter((kind) => kind === 'DELEGATION')).toHaveLength(1);
    expect((await audit()).findings).toEqual([]);
  });

  test('a connection that is ended while it is being made, or wanted afterwards, keeps nobody waiting', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const at = new URL(url);
    at.port = String((silent.address() as { port: number }).port); // it listens on a port
    const link = new Link({ address: [at.href], patience: 10_000, greet: async () => {} });
    const waiting = link.session();
    await sleep(50);
    await link.close();
    await expect(waiting).rejects.toThrow('terminated');
    await expect(link.session()).rejects.toThrow('terminated');
    silent.close();
  });

  test('a replica that stands still while it holds the lock is put out, and writes nothing', async () => {
    const chain = fresh();
    const slow = await open(chain, url, { standstill: 150 });
    const quick = await open(chain, url);
    await quick.commit(0, (_, head) => batchAfter(head, [{}]));
    const held = slow.commit(1, (_, head) => {
      for (const begun = performance.now(); performance.now() - begun < 500; );
      return batchAfter(head, [{ note: 'too late' }]);
    });
    await expect(held).rejects.toThrow('in mid-commit');
    await quick.commit(1, (_, head) => batchAfter(head, [{ note: 'quick' }]));
    const { rows, head } = await slow.read(ALL);
    expect(rows).toHaveLength(2);
    expect(isWhole(rows, head)).toBe(true);
    await slow.commit(2, (_, at) => batchAfter(at, [{ note: 'again' }]));
  });

  test('backends are ended all the time while four replicas write: every answer is there, and nothing twice', async () => {
    const chain = fresh();
    const replicas = await Promise.all(
      Array.from({ length: 4 }, async () => kernel({ store: await open(chain, url) })),
    );
    const begun = await replicas[0]!.call('aga_create_artifact', { max_children: 10_000 });
    let storm = true;
    const shooting = (async () => {
      for (; storm; await sleep(15))
        await pg.sql(
          url,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aga-delegate'
           AND datname = current_database() AND random() < 0.3`,
        );
    })();
    const answers = new Map<string, string>();
    const insist = async ({ call }: Kernel, name: string): Promise<void> => {
      const input = { parent_artifact_hash: begun.artifact_hash, sub_agent_id: name, request_id: name };
      for (let attempt = 0; attempt < 200; attempt++) {
        const answer = await call('aga_delegate_to_subagent', input).catch((error) => error.body);
        if (answer.success) {
          answers.set(name, answer.child_artifact_hash);
          return;
        }
        expect(answer).toMatchObject({ code: 'CHAIN_CONTENDED' });
      }
      throw new Error('never answered');
    };
    await Promise.all(
      replicas.flatMap((replica, r) =>
        Array.from({ length: 8 }, async (_, c) => {
          for (let i = 0; i < 10; i++) await insist(replica, `agent-${r}-${c}-${i}`);
        }),
      ),
    );
    storm = false;
    await shooting;
    const { rows } = await replicas[0]!.store.read({ ...ALL, kind: 'DELEGATION' });
    const made = rows.map(({ entry }) => JSON.parse(entry).event.child_artifact_hash);
    expect(made).toHaveLength(320);
    expect([...answers.values()].sort()).toEqual(made.sort());
    expect((await replicas[3]!.audit()).findings).toEqual([]);
  }, 60_000);

  test('clocks that are minutes apart: time on the chain never goes back, and every replica can go on', async () => {
    const chain = fresh();
    const now = Date.UTC(2026, 10, 20, 10);
    const replicas = await Promise.all(
      [0, 300_000, -300_000].map(async (skew) => kernel({ store: await open(chain, url), clock: { now: now + skew } })),
    );
    const [right, ahead, behind] = replicas as [Kernel, Kernel, Kernel];
    const root = await behind.call('aga_create_artifact', { ttl_seconds: 1200 });
    await Promise.all(
      replicas.flatMap((replica) =>
        Array.from({ length: 5 }, () =>
          replica.call('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash, ttl_seconds: 60 }),
        ),
      ),
    );
    // What has ended for the chain has ended for everybody, the one whose clock is behind included.
    await expect(
      ahead.call('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash }),
    ).resolves.toMatchObject({ success: true });
    ahead.clock.now += 601_000;
    await ahead.call('aga_create_artifact', {});
    for (const each of [ahead, right, behind]) {
      const act = { artifact_hash: root.artifact_hash, capability: 'tool.call', resource: 'x' };
      expect(await each.call('aga_check_permission', act)).toMatchObject({ allowed: false, code: 'LEASE_EXPIRED' });
    }
    const { rows } = await right.store.read(ALL);
    const times = rows.map(({ entry }) => JSON.parse(entry).timestamp);
    expect(times).toEqual([...times].sort());
    expect((await right.audit()).findings).toEqual([]);
  });
});
