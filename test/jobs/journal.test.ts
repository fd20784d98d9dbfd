/** One suite for every place where what was said in jobs is kept. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/base/canonical.ts';
import { digestOf, fileJournal, type Journal } from '../../src/jobs/journal.ts';
import { PostgresJournal } from '../../src/store/postgres/journal.ts';
import { GRANTS } from '../../src/store/postgres/schema.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { directory } from '../scratch.ts';
import { missing, type Server, server } from '../store/postgres.server.ts';

const JOB = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const CLUMSY: readonly Json[] = [
  null,
  0,
  '',
  'line\nline',
  '\u0000',
  '𝄞 é',
  { b: [1, { a: null }], a: 'x' },
  'y'.repeat(300_000),
];

let pg: Server | undefined;
let database = '';
beforeAll(async () => {
  if (missing !== undefined) return;
  pg = await server();
  database = await pg.database();
  await (await openPostgres({ url: database, chain: 'default' })).close();
}, 60_000);
afterAll(() => pg?.stop());

/** Two that share a place: what two processes have. */
const PLACES: readonly [string, () => [Journal, Journal]][] = [
  [
    'a data directory',
    () => {
      const folder = join(directory(), 'jobs');
      return [fileJournal(folder, Date.now), fileJournal(folder, Date.now)];
    },
  ],
  [
    'PostgreSQL',
    () => [
      new PostgresJournal({ url: database, chain: 'default' }),
      new PostgresJournal({ url: database, chain: 'default' }),
    ],
  ],
];

describe.each(PLACES)('a journal in %s', (name, open) => {
  const skip = name === 'PostgreSQL' && missing !== undefined;
  let here: Journal;
  let there: Journal;
  beforeAll(() => {
    if (!skip) [here, there] = open();
  });
  afterAll(async () => {
    await here?.close();
    await there?.close();
  });

  it.skipIf(skip)('keeps whatever JSON there is, for other processes too, under its digest', async () => {
    expect(await there.of(JOB)).toEqual(new Map());
    await here.keep(JOB, CLUMSY);
    await here.settle(JOB);
    await there.keep(OTHER, ['another']);
    expect(await there.of(JOB)).toEqual(new Map(CLUMSY.map((each) => [digestOf(each), each])));
    expect(await here.of(OTHER)).toEqual(new Map([[digestOf('another'), 'another']]));
    await here.keep(JOB, CLUMSY);
    expect((await there.of(JOB)).size).toBe(CLUMSY.length);
    await here.keep(JOB, []);
  });

  it.skipIf(skip)('loses nothing that two say at once about one job', async () => {
    const job = 'c'.repeat(32);
    const all = Array.from({ length: 200 }, (_, at) => ({ at }));
    await Promise.all(all.map((each, at) => (at % 2 ? here : there).keep(job, [each, 'again'])));
    expect((await here.of(job)).size).toBe(201);
    for (const each of all) expect((await there.of(job)).get(digestOf(each))).toEqual(each);
  });

  it.skipIf(skip)('answers in the order in which it was told', async () => {
    const order: number[] = [];
    const all = Array.from({ length: 50 }, (_, at) =>
      Promise.resolve(here.keep(JOB, [{ at }])).then(() => order.push(at)),
    );
    await Promise.all(all);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it.skipIf(skip)('knows who was heard of last, and when', async () => {
    expect(await here.silence(JOB)).toBeUndefined();
    await here.beat(JOB);
    await sleep(60);
    const before = await there.silence(JOB);
    expect(before).toBeGreaterThan(40);
    expect(before).toBeLessThan(5000);
    await Promise.all([here.beat(JOB), there.beat(JOB), here.beat(JOB)]);
    expect(await there.silence(JOB)).toBeLessThan(before as number);
    expect(await there.silence(OTHER)).toBeUndefined();
  });
});

it('a file that was cut or changed is found without what it lost', async () => {
  const folder = join(directory(), 'jobs');
  const journal = fileJournal(folder, Date.now);
  await journal.keep(JOB, ['one', 'two']);
  rmSync(folder, { recursive: true });
  expect(await journal.of(JOB)).toEqual(new Map());
});

it.skipIf(missing !== undefined)('authorities in one database do not see what is said elsewhere', async () => {
  const [one, two] = ['default', 'other'].map((chain) => new PostgresJournal({ url: database, chain }));
  await one!.keep('d'.repeat(32), ['mine']);
  expect((await two!.of('d'.repeat(32))).size).toBe(0);
  await one!.close();
  await two!.close();
});

it.skipIf(missing !== undefined)(
  'a role with the documented grants can keep, read and forget, and change nothing',
  async () => {
    const name = `replica_${Date.now()}`;
    await pg!.sql(
      database,
      `CREATE ROLE ${name} LOGIN PASSWORD 'x'`,
      ...GRANTS.map((grant) => grant.replace('%ROLE%', name)),
    );
    const url = new URL(database);
    url.username = name;
    url.password = 'x';
    const journal = new PostgresJournal({ url: url.href, chain: 'default' });
    const job = 'e'.repeat(32);
    await journal.keep(job, ['word']);
    await journal.beat(job);
    await journal.beat(job);
    expect([...(await journal.of(job)).values()]).toEqual(['word']);
    expect(await journal.silence(job)).toBeLessThan(5000);
    await journal.close();
    await expect(pg!.sql(url.href, `UPDATE aga.said SET said = '"another"'`)).rejects.toThrow('permission denied');
  },
);
