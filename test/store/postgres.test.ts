import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Query } from '../../src/ports.ts';
import { Link } from '../../src/store/postgres/link.ts';
import { PostgresNonces } from '../../src/store/postgres/nonces.ts';
import { GRANTS } from '../../src/store/postgres/schema.ts';
import { PLANNER, pageOf } from '../../src/store/postgres/select.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { indexContract, storeContract } from './contract.ts';
import { onPostgres } from './postgres.suite.ts';
import { artifact, batchAfter, isWhole } from './rows.ts';

onPostgres('PostgreSQL', (on) => {
  let chains = 0;
  const fresh = () => `chain-${chains++}`;
  const ALL: Query = { after: -1, limit: 100_000 };

  storeContract('PostgreSQL', async () => {
    const chain = fresh();
    return { store: await openPostgres({ url: on.url, chain }), again: () => openPostgres({ url: on.url, chain }) };
  });

  indexContract('PostgreSQL', () => openPostgres({ url: on.url, chain: fresh() }));

  test('chains of one database know nothing of each other', async () => {
    const [a, b] = await Promise.all([
      openPostgres({ url: on.url, chain: 'a' }),
      openPostgres({ url: on.url, chain: 'b' }),
    ]);
    const batch = batchAfter(null, [{ names: [artifact('x')] }, { note: 'a' }]);
    await a.commit(0, () => batch);
    expect(await b.read(ALL)).toEqual({ rows: [], head: null });
    expect((await b.read({ ...ALL, names: artifact('x') })).rows).toEqual([]);
    await b.commit(0, (news, head) => {
      expect([news, head]).toEqual([[], null]);
      return batchAfter(head, [{ note: 'b' }]);
    });
    expect((await a.read(ALL)).head).toEqual(batch.head);
    expect(await a.checkpoint(2)).toBe(batch.head.checkpoint);
    expect(await b.checkpoint(2)).toBeUndefined();
    // One that holds its lock does not hold up the other.
    let second = false;
    await a.commit(2, (_, head) => batchAfter(head, [{}]));
    const held = on.pg.sql(
      on.url,
      'BEGIN',
      "SELECT FROM aga.chains WHERE name = 'a' FOR UPDATE",
      'SELECT pg_sleep(0.5)',
    );
    await sleep(100);
    await b
      .commit(1, (_, head) => batchAfter(head, [{}]))
      .then(() => {
        second = true;
      });
    expect(second).toBe(true);
    await held;
    await Promise.all([a.close(), b.close()]);
  });

  test('many that start at once make one set of tables', async () => {
    const empty = await on.pg.database();
    const stores = await Promise.all(Array.from({ length: 6 }, () => openPostgres({ url: empty, chain: 'one' })));
    await Promise.all(stores.map((store) => store.commit(0, (_, head) => batchAfter(head, [{}]))));
    const { rows, head } = await stores[0]!.read(ALL);
    expect(rows).toHaveLength(6);
    expect(isWhole(rows, head)).toBe(true);
    expect(await on.pg.sql(empty, 'SELECT name FROM aga.chains')).toEqual([['one']]);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('tables of a newer version are left alone', async () => {
    const empty = await on.pg.database();
    await (await openPostgres({ url: empty, chain: 'one' })).close();
    await on.pg.sql(empty, 'INSERT INTO aga.versions VALUES (99)');
    await expect(openPostgres({ url: empty, chain: 'one' })).rejects.toMatchObject({ message: /newer version/ });
  });

  describe('whoever owns the tables', () => {
    beforeAll(async () => {
      const store = await openPostgres({ url: on.url, chain: fresh() });
      await store.commit(0, () => batchAfter(null, [{ names: [artifact('x')] }, {}]));
      await store.close();
    });

    test.each([
      "UPDATE aga.entries SET entry = 'x'",
      'UPDATE aga.entries SET seq = seq WHERE false',
      'DELETE FROM aga.entries',
      'TRUNCATE aga.entries',
      'TRUNCATE aga.entries, aga.touches, aga.checkpoints CASCADE',
      'DELETE FROM aga.touches',
      "UPDATE aga.checkpoints SET note = 'x'",
      'DELETE FROM aga.checkpoints',
      "UPDATE aga.chains SET name = 'x'",
      'DELETE FROM aga.chains',
      'TRUNCATE aga.chains',
      `INSERT INTO aga.entries SELECT chain, seq, hash, kind, 'x' FROM aga.entries ON CONFLICT (chain, seq) DO UPDATE SET entry = 'x'`,
      `INSERT INTO aga.entries SELECT chain, 1000000, hash, kind, 'x' FROM aga.entries WHERE seq = 0`,
      `INSERT INTO aga.entries SELECT chain, -1, hash, kind, 'x' FROM aga.entries WHERE seq = 0`,
    ])('cannot: %s', async (statement) => {
      await expect(on.pg.sql(on.url, statement)).rejects.toThrow(/only grows/);
    });

    test('cannot in a session that replicates either', async () => {
      for (const change of ["UPDATE aga.entries SET entry = 'x'", 'DELETE FROM aga.entries', 'TRUNCATE aga.entries'])
        await expect(on.pg.sql(on.url, 'SET session_replication_role = replica', change)).rejects.toThrow(/only grows/);
    });
  });

  test('a replica needs no more than it is granted, and could not change an entry without the triggers either', async () => {
    const name = `writer_${Date.now().toString(36)}`;
    const database = await on.pg.database();
    await (await openPostgres({ url: database, chain: 'own' })).close();
    await on.pg.sql(database, `CREATE ROLE ${name} LOGIN PASSWORD 'a secret'`);
    await on.pg.sql(database, ...GRANTS.map((grant) => grant.replace('%ROLE%', name)));
    const as = new URL(database);
    as.username = name;
    as.password = 'a secret';
    for (const chain of ['own', 'another']) {
      const store = await openPostgres({ url: as.href, chain });
      await store.commit(0, (_, head) => batchAfter(head, [{ names: [artifact('x')] }]));
      expect((await store.read(ALL)).rows).toHaveLength(1);
      await store.close();
    }
    await on.pg.sql(
      database,
      'ALTER TABLE aga.entries DISABLE TRIGGER ALL',
      'ALTER TABLE aga.chains DISABLE TRIGGER ALL',
    );
    for (const statement of [
      "UPDATE aga.entries SET entry = 'x'",
      'DELETE FROM aga.entries',
      'TRUNCATE aga.entries',
      'DELETE FROM aga.checkpoints',
      'DELETE FROM aga.chains',
      'DROP TABLE aga.entries',
      'INSERT INTO aga.versions VALUES (99)',
      'ALTER TABLE aga.entries DISABLE TRIGGER ALL',
    ])
      await expect(on.pg.sql(as.href, statement)).rejects.toThrow(/permission denied|must be owner/);
    // A database without tables is not for it to make.
    const bare = new URL(await on.pg.database());
    await on.pg.sql(bare.href, `REVOKE CREATE ON DATABASE ${bare.pathname.slice(1)} FROM PUBLIC`);
    bare.username = name;
    bare.password = 'a secret';
    await expect(openPostgres({ url: bare.href, chain: 'own' })).rejects.toMatchObject({
      code: 'INTERNAL',
      hint: expect.stringMatching(/aga-delegate migrate/),
    });
    await on.pg.sql(database, `DROP OWNED BY ${name}`, `DROP ROLE ${name}`).catch(() => undefined);
  });

  describe('a query planned while the tables were empty reads few pages when they are full', () => {
    const COUNT = 5000;
    const [a, b, root] = ['a', 'b', 'root'].map(artifact) as [string, string, string];
    const forms: Partial<Query>[] = [
      {},
      { names: a },
      { within: root },
      { within: b },
      { names: a, within: root },
      { names: a, within: b },
    ].flatMap((form) => [form, ...['DECISION', 'RARE'].map((kind) => ({ ...form, kind }))]);

    test.each(forms)('%j', async (form) => {
      const empty = await on.pg.database();
      await (await openPostgres({ url: empty, chain: 'one' })).close();
      const { text, values = [] } = pageOf(1, { after: COUNT / 2, limit: 5, ...form });
      const typeOf = (value: unknown) =>
        typeof value === 'number' ? 'bigint' : String(value).startsWith('\\x') ? 'bytea' : 'text';
      const ask = `EXECUTE form (${values.map((value) => `'${value}'`).join(', ')})`;
      const each = `FROM generate_series(0, ${COUNT - 1}) AS g`;
      const plan = await on.pg.sql(
        empty,
        PLANNER,
        `PREPARE form (${['integer', ...values.slice(1).map(typeOf)].join(', ')}) AS ${text}`,
        ask,
        `INSERT INTO aga.entries SELECT 1, g, sha256(g::text::bytea), CASE WHEN g = 4000 THEN 'RARE' WHEN g % 50 = 0 THEN 'X' ELSE 'DECISION' END,
         repeat('x', 1000) ${each}`,
        `INSERT INTO aga.checkpoints SELECT 1, g + 1, 'note', '\\x00' ${each}`,
        `INSERT INTO aga.touches SELECT 1, '\\x${a}', 1, g ${each}`,
        `INSERT INTO aga.touches SELECT 1, '\\x${b}', 1, g ${each} WHERE g % 3 = 0`,
        `INSERT INTO aga.touches SELECT 1, '\\x${root}', 0, g ${each}`,
        `EXPLAIN (ANALYZE, BUFFERS) ${ask}`,
      );
      const pages = (told: unknown[][]) => Number(/shared hit=(\d+)/.exec(told.map(String).join('\n'))?.[1]);
      expect(pages(plan)).toBeGreaterThan(3);
      expect(pages(plan)).toBeLessThan(300);
      // What the server finds out later, that most entries are decisions, leads it nowhere else.
      const later = await on.pg.sql(
        empty,
        'ANALYZE',
        PLANNER,
        `PREPARE form (${['integer', ...values.slice(1).map(typeOf)].join(', ')}) AS ${text}`,
        ask,
        `EXPLAIN (ANALYZE, BUFFERS) ${ask}`,
      );
      const passed = [
        ...later
          .map(String)
          .join('\n')
          .matchAll(/Rows Removed by Filter: (\d+)/g),
      ].map(([, n]) => Number(n));
      expect(pages(later)).toBeLessThan(300);
      expect(Math.max(0, ...passed)).toBeLessThan(100);
    });
  });

  describe('a database that cannot be used is refused in words, without its address or a password', () => {
    const SECRET = 'very-secret-word';
    const spoilt: [string, (good: URL) => string, RegExp][] = [
      ['another scheme', () => `mysql://root:${SECRET}@localhost/x`, /postgres:\/\//],
      ['no URL', () => `postgres://u:${SECRET}@[::x/`, /postgres:\/\//],
      ['nobody listens', () => `postgres://u:${SECRET}@127.0.0.1:1/x`, /away \(ECONNREFUSED\)/],
      ['no such database', (good) => withSecret(good, 'nowhere'), /does not exist|not let/],
      [
        'a missing certificate',
        (good) => `${withSecret(good, 'x')}?sslmode=verify-full&sslrootcert=/no/such.pem`,
        /missing/,
      ],
      [
        'a TLS mode that there is not',
        (good) => `${withSecret(good, 'x')}?sslmode=banana`,
        /sslmode that there is not/,
      ],
      ['no TLS where it is asked for', (good) => `${withSecret(good, 'x')}?sslmode=require`, /no TLS/],
    ];
    function withSecret(good: URL, database: string): string {
      const url = new URL(good);
      url.password = SECRET;
      url.pathname = `/${database}`;
      return url.href;
    }
    test.each(spoilt)('%s', async (_, spoil, message) => {
      const begun = openPostgres({ url: spoil(new URL(on.url)), chain: 'x', opening: 200 });
      const refusal = await begun.catch((error) => error);
      expect(refusal.message).toMatch(message);
      expect(JSON.stringify(refusal.body) + refusal.stack).not.toContain(SECRET);
    });

    test('sslmode=prefer takes what there is', async () => {
      const store = await openPostgres({ url: `${on.url}?sslmode=prefer`, chain: 'x' });
      await store.close();
    });
  });

  test('nodes of the tree are kept with the entries that complete them', async () => {
    const chain = fresh();
    const store = await openPostgres({ url: on.url, chain });
    const { rows, head } = batchAfter(
      null,
      Array.from({ length: 600 }, (_, i) => ({ note: `${i}` })),
    );
    const [a, b] = [artifact('node 0'), artifact('node 1')];
    const nodesOf: Record<number, string> = { 255: a, 511: b };
    await store.commit(0, () => ({
      rows: rows.map((row, i) =>
        nodesOf[i] === undefined ? row : { ...row, nodes: [{ level: 8, index: (i + 1) / 256 - 1, hash: nodesOf[i] }] },
      ),
      head,
    }));
    expect(await store.nodes(8, 0, 9)).toEqual([a, b]);
    expect(await store.nodes(8, 1, 9)).toEqual([b]);
    expect(await store.nodes(8, 2, 9)).toEqual([]);
    expect(await store.nodes(16, 0, 9)).toEqual([]);
    expect(await store.nodes(0, 598, 9)).toEqual(rows.slice(598).map(({ entry_hash }) => entry_hash));
    await store.close();
  });

  test('a nonce is good once, whichever replica is asked, and forgotten long after it has ended', async () => {
    const chain = fresh();
    let now = 1_000_000;
    await (await openPostgres({ url: on.url, chain })).close();
    const replicas = Array.from({ length: 3 }, () => new PostgresNonces({ url: on.url, chain, clock: () => now }));
    const other = new PostgresNonces({ url: on.url, chain: 'another', clock: () => now });
    const asked = await Promise.all(
      Array.from({ length: 60 }, (_, i) => replicas[i % 3]!.once(`n${i % 10}`, now + 60_000.5)),
    );
    expect(asked.filter(Boolean)).toHaveLength(10);
    expect(await other.once('n1', now)).toBe(true);
    now += 3_600_000;
    await replicas[0]!.once('later', now);
    expect(await replicas[1]!.once('n1', now)).toBe(true);
    expect(await replicas[2]!.once('later', now)).toBe(false);
    for (const each of [...replicas, other]) await each.close();
  });

  test('a lock that is held is waited for, then refused without asking for a decision', async () => {
    const chain = fresh();
    const store = await openPostgres({ url: on.url, chain, lock: 150 });
    const holder = new Link({ address: [on.url], patience: 0, greet: async () => {} });
    const session = await holder.session();
    await session.ask({ text: 'BEGIN' }, { text: `SELECT FROM aga.chains WHERE name = '${chain}' FOR UPDATE` });
    let decided = false;
    const commit = store.commit(0, () => {
      decided = true;
      return null;
    });
    await expect(commit).rejects.toMatchObject({ code: 'CHAIN_CONTENDED', body: { retryable: true } });
    expect(decided).toBe(false);
    expect((await store.read(ALL)).rows).toEqual([]);
    await session.ask({ text: 'ROLLBACK' });
    await store.commit(0, (_, head) => batchAfter(head, [{}]));
    await holder.close();
    await store.close();
  });
});
