/** A process of its own: delegates 50,000 times, says what that keeps in memory, and goes on to a chain of 100,000 entries. */
import { assemble } from '../src/assemble.ts';
import { operator } from '../src/caller.ts';
import { settings } from '../src/config.ts';

export interface Filled {
  readonly root: string;
  /** Megabytes. */
  readonly resident: number;
  /** Bytes of heap for each live artifact. */
  readonly each: number;
  /** Delegations a second, all in one process, without an edge. */
  readonly rate: number;
}

const [directory = '', half = '', whole = ''] = process.argv.slice(2);
const { service, close } = await assemble(settings({ 'data-dir': directory }, {}, process.platform));
const caller = operator();
const tool = (name: string) => service.tools.get(name)!;

const { artifact_hash } = await service.call(
  tool('aga_create_artifact'),
  { permitted_tools: ['files/**', 'search/*'], max_children: 100_000, ttl_seconds: 360_000 },
  caller,
);
const root = String(artifact_hash);

async function delegate(count: number): Promise<void> {
  const input = { permitted_tools: ['files/read'], ttl_seconds: 180_000 };
  for (let left = count; left > 0; left -= 256) {
    const batch = Array.from({ length: Math.min(left, 256) }, () =>
      service.call(tool('aga_delegate_to_subagent'), input, caller),
    );
    await Promise.all(batch);
  }
}

function heap(): number {
  global.gc?.();
  global.gc?.();
  return process.memoryUsage().heapUsed;
}

await delegate(1000);
const before = heap();
const started = performance.now();
await delegate(Number(half));
const rate = (Number(half) / (performance.now() - started)) * 1000;
const each = (heap() - before) / Number(half);
const resident = process.memoryUsage().rss / 1e6;
// Two entries are the genesis and the root.
await delegate(Number(whole) - Number(half) - 1000 - 2);
await close();
const filled: Filled = { root, resident, each, rate };
process.stdout.write(JSON.stringify(filled));
process.exit(0);
