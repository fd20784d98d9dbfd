import {
  chmodSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import type { Query } from '../../src/ports.ts';
import { MIGRATIONS } from '../../src/store/sqlite/schema.ts';
import { selectOf } from '../../src/store/sqlite/select.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { directory } from '../scratch.ts';
import { indexContract, storeContract } from './contract.ts';
import { artifact, batchAfter, isWhole } from './rows.ts';

const scratch = directory();

let folders = 0;
const fresh = (): string => join(scratch, `${folders++}`, 'chain.db');
const ALL: Query = { after: -1, limit: 100_000 };
const one = (store: ReturnType<typeof openSqlite>, size = 0) => store.commit(size, (_, head) => batchAfter(head, [{}]));

/** A connection of SQLite's own, as an operator's tool would open one. */
function raw(path: string): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  return new DatabaseSync(path);
}

/** A database with one entry, closed. */
async function written(journal?: 'WAL' | 'DELETE'): Promise<string> {
  const path = fresh();
  const store = openSqlite(path, journal === undefined ? {} : { journal });
  await one(store);
  await store.close();
  return path;
}

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('not refused');
}

indexContract('SQLite', async () => openSqlite(fresh()));

for (const journal of ['WAL', 'DELETE'] as const)
  storeContract(`SQLite, ${journal}`, async () => {
    const path = fresh();
    return { store: openSqlite(path, { journal }), again: async () => openSqlite(path) };
  });

describe('the file', () => {
  test.skipIf(process.platform === 'win32')('is for its user alone, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      const path = fresh();
      const store = openSqlite(path);
      await one(store);
      const modes = readdirSync(dirname(path)).map((name) => [name, statSync(join(dirname(path), name)).mode & 0o777]);
      expect(modes).toEqual([
        ['chain.db', 0o600],
        ['chain.db-shm', 0o600],
        ['chain.db-wal', 0o600],
      ]);
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
      await store.close();
      await store.close();
      expect(readdirSync(dirname(path))).toEqual(['chain.db']);
    } finally {
      process.umask(before);
    }
  });

  test.each(['WAL', 'DELETE'] as const)('keeps the journal mode it was created with: %s', async (journal) => {
    const path = await written(journal);
    const other = openSqlite(path, { journal: journal === 'WAL' ? 'DELETE' : 'WAL' });
    await one(other, 1);
    await other.close();
    // sqlite.org/fileformat.html: bytes 18 and 19 are 1 for a rollback journal, 2 for a write-ahead log.
    expect([...readFileSync(path).subarray(18, 20)]).toEqual(journal === 'WAL' ? [2, 2] : [1, 1]);
  });

  test('a checkpoint is kept for every batch', async () => {
    const store = openSqlite(fresh());
    const first = batchAfter(null, [{}, {}]);
    const second = batchAfter(first.head, [{}]);
    await store.commit(0, () => first);
    await store.commit(2, () => second);
    expect(await store.checkpoint(2)).toBe(first.head.checkpoint);
    expect(await store.checkpoint(3)).toBe(second.head.checkpoint);
    expect(await store.checkpoint(1)).toBeUndefined();
    await store.close();
  });

  test('nothing is answered after closing', async () => {
    const store = openSqlite(fresh());
    await one(store);
    await store.close();
    await expect(one(store, 1)).rejects.toThrow();
    await expect(store.read(ALL)).rejects.toThrow();
  });
});

test.each([
  'UPDATE entries SET entry = replace(entry, 1, 2)',
  'DELETE FROM entries',
  'DELETE FROM entries WHERE seq = 0',
  "INSERT OR REPLACE INTO entries VALUES (0, 'x', 'x', 'x')",
  "INSERT INTO entries VALUES (7, 'x', 'x', 'x')",
  "INSERT INTO entries VALUES (-1, 'x', 'x', 'x')",
  "UPDATE checkpoints SET note = 'x'",
  'DELETE FROM checkpoints',
  "INSERT OR REPLACE INTO checkpoints VALUES (1, 'x', x'')",
])('a mistaken hand is stopped: %s', async (sql) => {
  const path = await written();
  const db = raw(path);
  expect(() => db.exec(sql)).toThrow(/only grow|stay/);
  db.close();
});

test('an entry cut off at the end, by a hand that dropped the triggers first, is still counted by the head', async () => {
  const path = await written();
  const store = openSqlite(path);
  await one(store, 1);
  const db = raw(path);
  db.exec('DROP TRIGGER entries_remain; DELETE FROM entries WHERE seq = 1');
  db.close();
  const { rows, head } = await store.read(ALL);
  expect(rows).toHaveLength(1);
  expect(head).toMatchObject({ size: 2, entry_hash: '' });
  await store.close();
});

describe('a query walks an index', () => {
  const db = raw(':memory:');
  for (const step of MIGRATIONS) db.exec(step);
  const [names, within] = [artifact('a'), artifact('b')];
  const forms: Partial<Query>[] = [{}, { names }, { within }, { names, within }].flatMap((form) => [
    form,
    { ...form, kind: 'X' },
  ]);

  test.each(forms)('%j', (form) => {
    const { sql, values } = selectOf({ after: 3, limit: 5, ...form });
    const plan = db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(values)
      .map(({ detail }) => String(detail));
    expect(plan.filter((step) => /^SCAN (?!leap|CONSTANT|\(subquery)|TEMP B-TREE/.test(step))).toEqual([]);
    expect(plan.some((step) => step.startsWith('SEARCH'))).toBe(true);
  });
});

describe('a locked database', () => {
  test('is waited for with the event loop free, then refused without asking for a decision', async () => {
    const path = await written('WAL');
    const store = openSqlite(path, { patience: 150 });
    const holder = raw(path);
    holder.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const clock = setInterval(() => ticks++, 5);
    let decided = false;
    const commit = store.commit(1, () => {
      decided = true;
      return null;
    });
    await expect(commit).rejects.toMatchObject({ code: 'CHAIN_CONTENDED', body: { retryable: true } });
    clearInterval(clock);
    expect(ticks).toBeGreaterThan(10);
    expect(decided).toBe(false);
    expect((await store.read(ALL)).rows).toHaveLength(1);
    const patient = one(store, 1);
    holder.exec('ROLLBACK');
    await patient;
    holder.close();
    await store.close();
  });

  test('with a rollback journal, a commit waits for a reader and gives up whole', async () => {
    const path = await written('DELETE');
    const store = openSqlite(path, { patience: 100 });
    const reader = raw(path);
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM entries').all();
    let decisions = 0;
    const commit = () =>
      store.commit(1, (_, head) => {
        decisions += 1;
        return batchAfter(head, [{}]);
      });
    await expect(commit()).rejects.toMatchObject({ code: 'CHAIN_CONTENDED' });
    expect(decisions).toBe(1);
    reader.exec('ROLLBACK');
    await commit();
    const { rows, head } = await store.read(ALL);
    expect(isWhole(rows, head)).toBe(true);
    expect(rows).toHaveLength(2);
    reader.close();
    await store.close();
  });

  test('with a rollback journal, a read waits for a writer', async () => {
    const path = await written('DELETE');
    const store = openSqlite(path, { patience: 1000 });
    const writer = raw(path);
    writer.exec('BEGIN EXCLUSIVE');
    const page = store.read(ALL);
    await sleep(30);
    writer.exec('ROLLBACK');
    expect((await page).rows).toHaveLength(1);
    writer.exec('BEGIN EXCLUSIVE');
    const hasty = openLater(path);
    await sleep(30);
    writer.exec('ROLLBACK');
    writer.close();
    await (await hasty).close();
    await store.close();
  });

  const openLater = async (path: string) => {
    await sleep(60);
    return openSqlite(path);
  };
});

describe('files that are not in their place any more', () => {
  const copy = (path: string) => {
    cpSync(path, `${path}.copy`, { recursive: true });
    rmSync(path, { recursive: true });
    renameSync(`${path}.copy`, path);
  };
  const remove = (path: string) => rmSync(path, { recursive: true });
  const changes: readonly (readonly [string, 'WAL' | 'DELETE', (path: string) => void])[] = [
    ...(['WAL', 'DELETE'] as const).flatMap((journal) => [
      ['the folder is removed', journal, (path: string) => remove(dirname(path))] as const,
      ['the folder is a copy', journal, (path: string) => copy(dirname(path))] as const,
      ['the database is removed', journal, remove] as const,
      ['the database is a copy', journal, copy] as const,
    ]),
    ['the log is removed', 'WAL', (path) => remove(`${path}-wal`)],
    ['the index of the log is removed', 'WAL', (path) => remove(`${path}-shm`)],
  ];
  test.skipIf(process.platform === 'win32').for(changes)(
    '%s: nothing more is written to them, %s',
    async ([_, journal, change]) => {
      const path = fresh();
      const store = openSqlite(path, { journal });
      await one(store);
      change(path);
      let asked = false;
      const commit = store.commit(1, (_, head) => {
        asked = true;
        return batchAfter(head, [{}]);
      });
      await expect(commit).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringMatching(/moved/) });
      expect(asked).toBe(false);
      await store.close();
    },
  );

  test('put back, they are written to again', async () => {
    const path = fresh();
    const store = openSqlite(path);
    await one(store);
    renameSync(dirname(path), `${dirname(path)}.moved`);
    await expect(one(store, 1)).rejects.toMatchObject({ code: 'INTERNAL' });
    renameSync(`${dirname(path)}.moved`, dirname(path));
    await one(store, 1);
    const { rows, head } = await store.read(ALL);
    expect(rows).toHaveLength(2);
    expect(isWhole(rows, head)).toBe(true);
    await store.close();
  });
});

describe('what cannot be used is refused in words, without its path, and left as it was', () => {
  const cases: [string, (path: string) => void, RegExp][] = [
    ['a newer schema', (path) => change(path, 'PRAGMA user_version = 99'), /newer version/],
    [
      'a text file',
      (path) => writeFileSync(path, 'not a database, but long enough to be read as one. '.repeat(50)),
      /not a database/,
    ],
    ['an empty file', (path) => writeFileSync(path, ''), /empty/],
    [
      'a database of somebody else',
      (path) => change(path, 'PRAGMA application_id = 0'),
      /not a database of this product/,
    ],
  ];

  function change(path: string, sql: string): void {
    const db = raw(path);
    db.exec(sql);
    db.close();
  }

  test.each(cases)('%s', async (_, spoil, message) => {
    const path = await written();
    spoil(path);
    const bytes = readFileSync(path);
    const refusal = refusalOf(() => openSqlite(path));
    expect(refusal.code).toBe('INTERNAL');
    expect(refusal.message).toMatch(message);
    expect(JSON.stringify(refusal.body)).not.toContain(scratch);
    expect(refusal.hint).not.toBe(new Refusal('INTERNAL', '').hint);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(readdirSync(dirname(path))).toEqual(['chain.db']);
  });

  test.each(['-wal', '-journal'])('a lost database whose %s is still there', async (suffix) => {
    const path = await written();
    rmSync(path);
    writeFileSync(path + suffix, 'x');
    const refusal = refusalOf(() => openSqlite(path));
    expect(refusal.message).toBe(`The database chain.db is missing, but chain.db${suffix} is there.`);
    expect(readdirSync(dirname(path))).toEqual([`chain.db${suffix}`]);
  });

  test('a folder in its place', () => {
    const path = scratch;
    const refusal = refusalOf(() => openSqlite(path));
    expect(refusal.code).toBe('INTERNAL');
    expect(refusal.message).not.toContain(dirname(scratch));
  });

  test('a file where the folder should be', async () => {
    const path = await written();
    expect(refusalOf(() => openSqlite(join(path, 'chain.db'))).message).toMatch(/ENOTDIR|EEXIST/);
  });

  test('damaged pages', async () => {
    const path = fresh();
    const store = openSqlite(path);
    await store.commit(0, () =>
      batchAfter(
        null,
        Array.from({ length: 200 }, () => ({ note: 'x'.repeat(500) })),
      ),
    );
    await store.close();
    const file = openSync(path, 'r+');
    for (let page = 2; page < 20; page++) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
    const damaged = openSqlite(path);
    await expect(damaged.read(ALL)).rejects.toMatchObject({ code: 'CHAIN_BROKEN', body: { retryable: false } });
    await damaged.close();
  });

  test('another process has made it meanwhile: its database is used, and no draft stays', async () => {
    const path = fresh();
    const stores = [openSqlite(path), openSqlite(path)];
    for (const store of stores) await store.commit(0, (_, head) => batchAfter(head, [{}]));
    expect((await stores[0]!.read(ALL)).rows).toHaveLength(2);
    for (const store of stores) await store.close();
    chmodSync(path, 0o640);
    await openSqlite(path).close();
    // Widening the mode was somebody's decision.
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });
});
