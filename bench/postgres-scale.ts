/**
 * `node bench/postgres-scale.ts [ENTRIES]`: a long chain in PostgreSQL, every entry of it decided, linked and signed as any
 * other (`bulk.ts` says how it comes there); what a question, a proof, a start and an audit cost then, and again after
 * nine tenths of it were archived. With AGA_BENCH_CHAIN=FILE a chain that was filled before is used again, on the server
 * of AGA_TEST_DATABASE_URL; a new one is noted there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../src/assemble.ts';
import { operator } from '../src/caller.ts';
import { consistencyProof } from '../src/chain/proof.ts';
import { settings } from '../src/config.ts';
import { withNodes } from '../src/evidence/tiles.ts';
import { tlogProof } from '../src/evidence/tlog.ts';
import { ownServer, server } from '../test/store/postgres.server.ts';
import { type Figure, median, percentile, print, times } from './measure.ts';
import { type Filled, fill } from './postgres-fill.ts';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const PROGRAM = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const NOTE = process.env.AGA_BENCH_CHAIN;
const figures: Figure[] = [];
const say = (what: string): void => void process.stderr.write(`${what}\n`);
const add = (name: string, value: number, unit: string): void => {
  figures.push({ name, value, unit });
  say(`${name}: ${value.toFixed(2)} ${unit}`);
};

const pg =
  NOTE === undefined
    ? await ownServer(['fsync=on', 'shared_buffers=1GB', 'max_wal_size=16GB', 'synchronous_commit=on'])
    : await server();
const chain = await theChain();
const { url, home, child, root } = chain;
const env = { ...process.env, AGA_DATABASE_URL: url };

await questions('');
starts('');
await weigh('');
const archive = join(home, 'archive');
const move = ['archive', '--to', archive, '--before', String(Math.floor(ENTRIES * 0.9)), '--json'];
add('archiving nine tenths', told(move, { AGA_OWNER_URL: url }).ms / 1000, 's');
await weigh(', archived');
add('giving the room back to the disk', told([...move, '--compact'], { AGA_OWNER_URL: url }).ms / 1000, 's');
await weigh(', compact');
await questions(', archived');
starts(', archived');
if (process.env.AGA_BENCH_VERIFY !== undefined) add('the whole chain judged again', told(['verify']).ms / 1000, 's');

print(figures);
await pg.stop();
if (NOTE === undefined) rmSync(home, { recursive: true, force: true });
process.exit(0);

async function theChain(): Promise<Filled & { url: string; home: string }> {
  if (NOTE !== undefined && existsSync(NOTE)) return JSON.parse(readFileSync(NOTE, 'utf8'));
  const home = mkdtempSync(join(tmpdir(), 'aga-bench-scale-'));
  const url = await pg.database();
  const chosen = settings({ 'data-dir': home }, { ...process.env, AGA_DATABASE_URL: url }, process.platform);
  const filled = await fill(chosen, pg, { entries: ENTRIES, delegations: Math.min(100_000, ENTRIES / 10), say });
  add('appended: decided, linked, signed, copied', filled.rate, '/s');
  add('memory of the process that appended', filled.resident, 'MB');
  if (NOTE !== undefined) writeFileSync(NOTE, JSON.stringify({ ...filled, url, home }));
  return { ...filled, url, home };
}

/** As a process that has been running for a while answers. */
async function questions(when: string): Promise<void> {
  const { service, close } = await assemble(settings({ 'data-dir': home }, env, process.platform));
  const caller = operator();
  const call = (name: string, input: object) => service.call(service.tools.get(name)!, input, caller);
  const timed = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    const samples = await times(21, 3, run);
    add(name + when, median(samples), 'ms');
    add(`  slowest of 21${when}`, percentile(samples, 1), 'ms');
  };
  let drawn = 0;
  const at = (): number => {
    drawn = (drawn + 0.618_034) % 1;
    return Math.floor(drawn * (ENTRIES - 1000));
  };
  await timed('query: 50 entries anywhere', () => call('aga_query_chain', { after: at() }));
  await timed('query: 50 of a kind, anywhere', () => call('aga_query_chain', { after: at(), kind: 'DELEGATION' }));
  await timed('query: 50 of one artifact', () => call('aga_query_chain', { artifact_hash: child }));
  await timed('query: 50 below the root, anywhere', () =>
    call('aga_query_chain', { after: at(), artifact_hash: root }),
  );
  await timed('inclusion proof of any entry', () => service.read(caller, (reader) => tlogProof(reader, at())));
  await timed('consistency proof from any size', () => {
    const from = at() + 1;
    return service.read(caller, (reader) =>
      withNodes(reader, ENTRIES, (nodes) => consistencyProof(nodes, from, ENTRIES)),
    );
  });
  await timed('evidence of one artifact', () => call('aga_export_evidence', { artifact_hash: child }));
  await close();
}

/** As a command of a moment does. */
function starts(when: string): void {
  const one = ['check', '--artifact-hash', child, '--capability', 'tool.call', '--resource', 'files/x'];
  told(one);
  add(`start and one question, with the snapshot${when}`, median([1, 2, 3, 4, 5].map(() => told(one).ms)), 'ms');
  rmSync(join(home, 'snapshot'), { force: true });
  add(`start and one question, without one${when}`, told(one).ms / 1000, 's');
}

function told(what: readonly string[], more: object = {}): { ms: number; out: string } {
  const from = performance.now();
  const options = { env: { ...env, ...more }, encoding: 'utf8' as const, maxBuffer: 1 << 28 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, '--data-dir', home, ...what], options);
  if (status !== 0) throw new Error(`${what[0]}: ${stderr}${stdout}`);
  return { ms: performance.now() - from, out: stdout };
}

async function weigh(when: string): Promise<void> {
  const [[entries, whole]] = (await pg.sql(
    url,
    "SELECT pg_total_relation_size('aga.entries'), pg_database_size(current_database())",
  )) as [[string, string]];
  add(`bytes in the database for each entry${when}`, Number(whole) / ENTRIES, 'bytes');
  add(`  of them in its row and its indexes${when}`, Number(entries) / ENTRIES, 'bytes');
}
