/**
 * `node bench/postgres.ts [replicas] [chains] [disk] [latency]`: what replicas on one PostgreSQL get through, against the same
 * inserts done bare by pgbench on the same server in the same minute: as many connections, as many rows in a transaction
 * as a replica has clients, and the same bytes sent for each of them. It is measured twice, with every connection for
 * itself, and with the lock under which one chain is one after the other whoever writes it.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownServer } from '../test/store/postgres.server.ts';
import { type Figure, median, percentile, print } from './measure.ts';
import type { Ran, Run } from './postgres.replica.ts';

const MILLISECONDS = 2000;
const ROUNDS = 4;
const asked = new Set(process.argv.slice(2));
const wanted = (part: string): boolean => asked.size === 0 || asked.has(part);

const home = mkdtempSync(join(tmpdir(), 'aga-bench-pg-'));
const pg = await ownServer(['fsync=on', 'shared_buffers=256MB', 'max_wal_size=4GB']);
const url = await pg.database();
const say = (what: string): void => void process.stderr.write(`${what}\n`);
const figures: Figure[] = [];

function next<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code) => reject(new Error(`a replica ended with ${code}`)));
  });
}

/** The first begins the chain, the others bring its keys. */
async function replica(index: number, authority = 'default', at = url): Promise<ChildProcess> {
  const folder = join(home, `${authority}-${index}`);
  if (index > 0) cpSync(join(home, `${authority}-0`), folder, { recursive: true });
  const child = fork(join(import.meta.dirname, 'postgres.replica.ts'), [folder], {
    env: { ...process.env, AGA_DATABASE_URL: at, AGA_AUTHORITY: authority },
  });
  child.setMaxListeners(0);
  await next(child);
  return child;
}

const replicas = [await replica(0)];
for (let index = 1; index < 4; index++) replicas.push(await replica(index));

async function root(by: ChildProcess = replicas[0]!): Promise<string> {
  by.send('root');
  return next<string>(by);
}

interface Total {
  readonly perSecond: number;
  readonly latencies: readonly number[];
}

/** `what` of each replica at once; those without one stand idle. */
const all = (...what: readonly Omit<Run, 'milliseconds'>[]): Promise<Total> => allOf(replicas, what);

async function allOf(who: readonly ChildProcess[], what: readonly Omit<Run, 'milliseconds'>[]): Promise<Total> {
  const ran = await Promise.all(
    what.map(async (one, index) => {
      who[index]!.send({ ...one, milliseconds: MILLISECONDS });
      return next<Ran>(who[index]!);
    }),
  );
  const calls = ran.reduce((sum, each) => sum + each.calls, 0);
  return { perSecond: (calls / MILLISECONDS) * 1000, latencies: ran[0]!.latencies };
}

const debian = '/usr/lib/postgresql';
const pgbench = join(debian, readdirSync(debian).sort((a, b) => Number(b) - Number(a))[0] ?? '', 'bin/pgbench');

/** Rows a second: entries, what they touch, and a checkpoint for each transaction, in one statement as ours is. */
function bare(connections: number, rows: number, lock: string): number {
  const script = join(home, 'bare.sql');
  const lines = (name: string): string => `string_to_array(:${name}, E'\\n')`;
  writeFileSync(
    script,
    `BEGIN;
     ${lock}
     WITH put AS (
       INSERT INTO bare.entries (chain, seq, hash, kind, entry)
       SELECT 1, nextval('bare.seq'), decode(hash, 'hex'), kind, entry
       FROM unnest(${lines('hashes')}, ${lines('kinds')}, ${lines('entries')}) AS e (hash, kind, entry)
     ), touched AS (
       INSERT INTO bare.touches (chain, artifact, direct, seq)
       SELECT 1, decode(artifact, 'hex'), 1, nextval('bare.seq') FROM unnest(${lines('artifacts')}) AS t (artifact)
     )
     INSERT INTO bare.checkpoints (chain, size, note, frontier)
     VALUES (1, nextval('bare.seq'), :note, '');
     COMMIT;\n`,
  );
  const many = (value: unknown): string => Array(rows).fill(value).join('\n');
  const [entry, hash, artifact, note] = sample;
  const values = {
    hashes: many(hash),
    kinds: many('DECISION'),
    entries: many(entry),
    artifacts: many(artifact),
    note,
  };
  const { port, pathname, username } = new URL(url);
  const args = [
    ...['-n', '-M', 'prepared', '-c', `${connections}`, '-j', '1', '-T', `${MILLISECONDS / 1000}`, '-f', script],
    ...Object.entries(values).flatMap(([name, value]) => ['-D', `${name}=${value}`]),
    ...['-h', '127.0.0.1', '-p', port, '-U', username, pathname.slice(1)],
  ];
  const told = execFileSync(pgbench, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return Number(/tps = ([\d.]+)/.exec(told)?.[1]) * rows;
}

const warm = await root();
await all(...replicas.map(() => ({ clients: 16, root: warm, what: 'authorize' as const })));
await pg.sql(
  url,
  'CREATE SCHEMA bare',
  'CREATE SEQUENCE bare.seq CACHE 100',
  'CREATE TABLE bare.entries (LIKE aga.entries INCLUDING ALL)',
  'CREATE TABLE bare.touches (LIKE aga.touches INCLUDING ALL)',
  'CREATE TABLE bare.checkpoints (LIKE aga.checkpoints INCLUDING ALL)',
  'CREATE TABLE bare.lock AS SELECT 1 AS id',
);
const [sample] = (await pg.sql(
  url,
  `SELECT e.entry, encode(e.hash, 'hex'), encode(t.artifact, 'hex'), c.note
   FROM aga.entries AS e JOIN aga.touches AS t USING (chain, seq), (SELECT * FROM aga.checkpoints ORDER BY size DESC LIMIT 1) AS c
   WHERE e.kind = 'DECISION' ORDER BY e.seq DESC LIMIT 1`,
)) as [[string, string, string, string]];
const LOCK = 'SELECT FROM bare.lock FOR UPDATE;';

async function against(name: string, clients: number, who: readonly ChildProcess[], roots: () => Promise<string[]>) {
  const rates: number[] = [];
  const ratios: number[] = [];
  const locked: number[] = [];
  const latencies: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = await roots();
    const ran = await allOf(
      who,
      who.map((_, index) => ({ clients, root: from[index % from.length]!, what: 'authorize' as const })),
    );
    const [free, queued] = [bare(who.length, clients, ''), bare(who.length, clients, LOCK)];
    say(`${name}: ${[ran.perSecond, free, queued].map((each) => each.toFixed(0)).join('/s of ')}/s with the lock`);
    rates.push(ran.perSecond);
    ratios.push(ran.perSecond / free);
    locked.push(ran.perSecond / queued);
    latencies.push(...ran.latencies);
  }
  const value = median(ratios);
  const ratio = { to: 'pgbench', value, ...(clients > 1 && { target: '>= 0.5', met: value >= 0.5 }) };
  figures.push({ name, value: median(rates), unit: '/s', ratio });
  figures.push({
    name: '  p99 of a call',
    value: percentile(latencies, 0.99),
    unit: 'ms',
    ratio: { to: 'pgbench under the same lock, in entries', value: median(locked) },
  });
}

if (wanted('replicas'))
  for (const count of [1, 2, 4])
    for (const clients of [1, 16, 64])
      await against(`appends, ${count} × ${clients} clients`, clients, replicas.slice(0, count), async () => [
        await root(),
      ]);

const others: ChildProcess[] = [];
if (wanted('chains')) {
  for (let index = 0; index < 3; index++) others.push(await replica(0, `chain${index}`));
  const each = [replicas[0]!, ...others];
  for (const count of [1, 2, 4])
    for (const clients of [16, 64])
      await against(`${count} chain${count > 1 ? 's' : ''} × ${clients} clients`, clients, each.slice(0, count), () =>
        Promise.all(each.slice(0, count).map((one) => root(one))),
      );
}

if (wanted('disk')) await disk();
if (wanted('latency')) await latency();

/** Where the disk is slow and processors are not the limit: what replicas of one chain get through, and chains of their own. */
async function disk(): Promise<void> {
  const slow = await pg.database();
  const name = new URL(slow).pathname.slice(1);
  await pg.sql(
    slow,
    `ALTER DATABASE ${name} SET commit_delay = 10000`,
    `ALTER DATABASE ${name} SET commit_siblings = 0`,
  );
  const each: ChildProcess[] = [];
  for (let index = 0; index < 4; index++) each.push(await replica(0, `slow${index}`, slow));
  const alike = [each[0]!];
  for (let index = 1; index < 4; index++) alike.push(await replica(index, 'slow0', slow));
  others.push(...each, ...alike.slice(1));
  for (const [kind, who] of [
    ['of one chain', alike],
    ['each a chain', each],
  ] as const) {
    let one = Number.NaN;
    for (const count of [1, 2, 4]) {
      const roots = await Promise.all(who.map((child) => root(child)));
      const run = (from: string) => ({ clients: 16, root: from, what: 'authorize' as const });
      const { perSecond } = await allOf(who.slice(0, count), roots.slice(0, count).map(run));
      if (count === 1) one = perSecond;
      const ratio = { to: 'one', value: perSecond / one };
      figures.push({ name: `${count} × 16 clients, ${kind}, 10 ms a sync`, value: perSecond, unit: '/s', ratio });
    }
  }
}

async function latency(): Promise<void> {
  for (const count of [1, 4]) {
    const from = await root();
    const run = () =>
      all(...replicas.slice(0, count).map(() => ({ clients: 16, root: from, what: 'delegate' as const })));
    await run(); // a replica that has just started is slow
    const ran = await run();
    figures.push({ name: `delegations, ${count} × 16 clients`, value: ran.perSecond, unit: '/s' });
  }
  const shared = await root();
  for (const what of ['check', 'authorize'] as const) {
    const [alone, beside] = [
      await all({ clients: 1, root: shared, what }),
      await all(
        { clients: 1, root: shared, what },
        ...[1, 2].map(() => ({ clients: 16, root: shared, what: 'delegate' as const })),
      ),
    ];
    figures.push({ name: `${what}, one client, p50`, value: percentile(alone.latencies, 0.5), unit: 'ms' });
    figures.push({
      name: `  while two other replicas write, p50`,
      value: percentile(beside.latencies, 0.5),
      unit: 'ms',
    });
    figures.push({ name: `  p99`, value: percentile(beside.latencies, 0.99), unit: 'ms' });
  }
}

print(figures);
await Promise.all(
  [...replicas, ...others].map((child) => {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.send('end');
    return ended;
  }),
);
await pg.stop();
rmSync(home, { recursive: true, force: true });
process.exit(0);
