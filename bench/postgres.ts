/**
 * `node bench/postgres.ts`: what replicas on one PostgreSQL get through, against the same inserts done bare by pgbench on
 * the same server in the same minute. A transaction of pgbench inserts as many rows as a replica has clients, which is
 * the most that a replica can commit at once.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownServer } from '../test/store/postgres.server.ts';
import { type Figure, median, percentile, print } from './measure.ts';
import type { Ran, Run } from './postgres.replica.ts';

const MILLISECONDS = 3000;
const ROUNDS = 2;

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

async function replica(index: number): Promise<ChildProcess> {
  const folder = join(home, `${index}`);
  if (index > 0) cpSync(join(home, '0'), folder, { recursive: true });
  const child = fork(join(import.meta.dirname, 'postgres.replica.ts'), [folder], {
    env: { ...process.env, AGA_DATABASE_URL: url },
  });
  child.setMaxListeners(0);
  await next(child);
  return child;
}

const replicas = [await replica(0)];
for (let index = 1; index < 4; index++) replicas.push(await replica(index));

async function root(): Promise<string> {
  replicas[0]!.send('root');
  return next<string>(replicas[0]!);
}

interface Total {
  readonly perSecond: number;
  readonly latencies: readonly number[];
}

/** `what` of each replica at once; those without one stand idle. */
async function all(...what: readonly Omit<Run, 'milliseconds'>[]): Promise<Total> {
  const ran = await Promise.all(
    what.map(async (one, index) => {
      replicas[index]!.send({ ...one, milliseconds: MILLISECONDS });
      return next<Ran>(replicas[index]!);
    }),
  );
  const calls = ran.reduce((sum, each) => sum + each.calls, 0);
  return { perSecond: (calls / MILLISECONDS) * 1000, latencies: ran[0]!.latencies };
}

const debian = '/usr/lib/postgresql';
const pgbench = join(debian, readdirSync(debian).sort((a, b) => Number(b) - Number(a))[0] ?? '', 'bin/pgbench');

/** Rows a second: entry, what it touches, and a checkpoint for each transaction. */
function bare(connections: number, rows: number): number {
  const script = join(home, 'bare.sql');
  writeFileSync(
    script,
    `BEGIN;
     INSERT INTO bare.entries SELECT 1, nextval('bare.seq'), hash, kind, entry FROM bare.sample, generate_series(1, ${rows});
     INSERT INTO bare.touches SELECT 1, artifact, direct, nextval('bare.seq') FROM bare.touched, generate_series(1, ${rows});
     INSERT INTO bare.checkpoints SELECT 1, nextval('bare.seq'), note, frontier FROM bare.note;
     COMMIT;\n`,
  );
  const args = [
    '-n',
    '-M',
    'prepared',
    '-c',
    `${connections}`,
    '-j',
    '1',
    '-T',
    `${MILLISECONDS / 1000}`,
    '-f',
    script,
  ];
  const { port, pathname, username } = new URL(url);
  const where = ['-h', '127.0.0.1', '-p', port, '-U', username, pathname.slice(1)];
  const told = execFileSync(pgbench, [...args, ...where], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
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
  `CREATE TABLE bare.sample AS SELECT * FROM aga.entries WHERE kind = 'DECISION' ORDER BY seq DESC LIMIT 1`,
  'CREATE TABLE bare.touched AS SELECT t.* FROM aga.touches AS t JOIN bare.sample AS s ON s.seq = t.seq',
  'CREATE TABLE bare.note AS SELECT * FROM aga.checkpoints ORDER BY size DESC LIMIT 1',
);

async function against(count: number, clients: number): Promise<void> {
  const rates: number[] = [];
  const ratios: number[] = [];
  let latencies: readonly number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const from = await root();
    const ran = await all(...replicas.slice(0, count).map(() => ({ clients, root: from, what: 'authorize' as const })));
    const ceiling = bare(count, clients);
    say(`${count} × ${clients}: ${ran.perSecond.toFixed(0)}/s of ${ceiling.toFixed(0)}/s`);
    rates.push(ran.perSecond);
    ratios.push(ran.perSecond / ceiling);
    latencies = ran.latencies;
  }
  const value = median(ratios);
  const ratio = { to: 'pgbench', value, ...(clients > 1 && { target: '>= 0.5', met: value >= 0.5 }) };
  figures.push({ name: `appends, ${count} × ${clients} clients`, value: median(rates), unit: '/s', ratio });
  figures.push({ name: '  p99 of a call', value: percentile(latencies, 0.99), unit: 'ms' });
}

for (const count of [1, 2, 4]) for (const clients of [1, 16, 64]) await against(count, clients);

for (const count of [1, 4]) {
  const from = await root();
  const ran = await all(
    ...replicas.slice(0, count).map(() => ({ clients: 16, root: from, what: 'delegate' as const })),
  );
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
  figures.push({ name: `  while two other replicas write, p50`, value: percentile(beside.latencies, 0.5), unit: 'ms' });
  figures.push({ name: `  p99`, value: percentile(beside.latencies, 0.99), unit: 'ms' });
}

print(figures);
await Promise.all(
  replicas.map((child) => {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.send('end');
    return ended;
  }),
);
await pg.stop();
rmSync(home, { recursive: true, force: true });
process.exit(0);
