/**
 * `node bench/postgres-scale.ts [ENTRIES]`: a chain of a million entries in PostgreSQL, every tenth a delegation; what a
 * start, a question, a proof and an audit cost then. A second chain beside it is ten times as long, without meaning: it
 * shows what the length alone does to the store.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../src/assemble.ts';
import { operator } from '../src/caller.ts';
import { settings } from '../src/config.ts';
import { openPostgres } from '../src/store/postgres.ts';
import { ownServer } from '../test/store/postgres.server.ts';
import { type Figure, median, percentile, print, times } from './measure.ts';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const home = mkdtempSync(join(tmpdir(), 'aga-bench-scale-'));
const pg = await ownServer(['fsync=on', 'shared_buffers=1GB', 'max_wal_size=8GB', 'synchronous_commit=on']);
const url = await pg.database();
const env = { ...process.env, AGA_DATABASE_URL: url };
const figures: Figure[] = [];
const say = (what: string): void => void process.stderr.write(`${what}\n`);
const add = (name: string, value: number, unit: string): void => {
  figures.push({ name, value, unit });
  say(`${name}: ${value.toFixed(2)} ${unit}`);
};

const { service, close } = await assemble(settings({ 'data-dir': home }, env, process.platform));
const caller = operator();
const call = (name: string, input: object) => service.call(service.tools.get(name)!, input, caller);
const { artifact_hash: root } = await call('aga_create_artifact', { max_children: 100_000, ttl_seconds: 360_000 });
const QUESTION = {
  acts: [{ capability: 'tool.call', resource: 'files/read' }],
  tool: 'files/read',
  argumentsDigest: '',
  requestId: 1,
} as const;

let child = '';
const begun = performance.now();
for (let size = 2; size < ENTRIES; size += 250) {
  const delegated = Array.from({ length: size < 990_000 ? 25 : 0 }, () =>
    call('aga_delegate_to_subagent', {
      parent_artifact_hash: root,
      permitted_tools: ['files/*'],
      ttl_seconds: 180_000,
    }),
  );
  const decided = Array.from({ length: 250 - delegated.length }, () => service.decide(caller, QUESTION, 'enforce'));
  await Promise.all(decided);
  const made = await Promise.all(delegated);
  child = String(made[0]?.child_artifact_hash ?? child);
  if (size % 100_000 === 2) say(`${size} entries`);
}
add('appended', ENTRIES / ((performance.now() - begun) / 1000), '/s');
add('memory of that process', process.memoryUsage().rss / 1e6, 'MB');

const middle = Math.floor(ENTRIES / 2);
const median11 = async (name: string, run: () => Promise<unknown>): Promise<void> => {
  const samples = await times(11, 2, run);
  add(name, median(samples), 'ms');
  add('  slowest', percentile(samples, 1), 'ms');
};
await median11('query: 50 entries in the middle', () => call('aga_query_chain', { after: middle }));
await median11('query: 50 of a kind', () => call('aga_query_chain', { after: middle, kind: 'DELEGATION' }));
await median11('query: entries of one artifact', () => call('aga_query_chain', { artifact_hash: child }));
await median11('check', () =>
  call('aga_check_permission', { artifact_hash: child, capability: 'tool.call', resource: 'files/x' }),
);
await median11('evidence of one artifact, with its proof', () => call('aga_export_evidence', { artifact_hash: child }));
await close();

const started = (what: string[]): number => {
  const from = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [SERVER, '--data-dir', home, ...what], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - from;
};
const one = ['check', '--artifact-hash', String(child), '--capability', 'tool.call', '--resource', 'files/x'];
started(one);
add('start and one question, with the snapshot', median([1, 2, 3, 4, 5].map(() => started(one))), 'ms');
rmSync(join(home, 'snapshot'), { force: true });
add('start and one question, without a snapshot', started(one), 'ms');
add('the whole chain judged again', started(['verify']) / 1000, 's');
const [[size]] = (await pg.sql(url, 'SELECT pg_database_size(current_database())')) as [[string]];
add('bytes in the database for each entry', Number(size) / ENTRIES, 'bytes');

const LONG = ENTRIES * 10;
const store = await openPostgres({ url, chain: 'long' });
await pg.sql(url, `INSERT INTO aga.chains (name) VALUES ('long') ON CONFLICT DO NOTHING`);
const [[chain]] = (await pg.sql(url, `SELECT id FROM aga.chains WHERE name = 'long'`)) as [[number]];
const each = `FROM generate_series(0, ${LONG - 1}) AS g`;
await pg.sql(
  url,
  'ALTER TABLE aga.entries DISABLE TRIGGER entries_only_follow',
  `INSERT INTO aga.entries SELECT ${chain}, g, sha256(g::text::bytea), CASE g % 10 WHEN 0 THEN 'DELEGATION' ELSE 'DECISION' END,
   repeat(md5(g::text), 6) ${each}`,
  `INSERT INTO aga.touches SELECT ${chain}, sha256((g % 100000)::text::bytea), 1, g ${each}`,
  `INSERT INTO aga.checkpoints SELECT ${chain}, g + 1, 'note', '\\x00' ${each} WHERE g % 16 = 15 OR g = ${LONG - 1}`,
);
const hash = String((await pg.sql(url, `SELECT encode(sha256('77'), 'hex')`))[0]![0]);
await median11(`${LONG} rows: the head`, () => store.read({ after: LONG - 1, limit: 1 }));
await median11(`${LONG} rows: 50 in the middle`, () => store.read({ after: LONG / 2, limit: 50 }));
await median11(`${LONG} rows: 50 of a kind`, () => store.read({ after: LONG / 2, limit: 50, kind: 'DELEGATION' }));
await median11(`${LONG} rows: 50 of an artifact`, () => store.read({ after: LONG / 2, limit: 50, names: hash }));
await median11(`${LONG} rows: a tile of leaves`, () => store.nodes(0, LONG / 2, 256));
await store.close();

print(figures);
await pg.stop();
rmSync(home, { recursive: true, force: true });
process.exit(0);
