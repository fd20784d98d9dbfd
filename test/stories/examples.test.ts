/** The examples are run as they stand, and say what they are there to show. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** What it prints, and how long it takes, in milliseconds. */
async function example(name: string): Promise<{ lines: string[]; took: number }> {
  const before = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, `examples/${name}.ts`)], { cwd: ROOT });
  return { lines: stdout.trimEnd().split('\n'), took: performance.now() - before };
}

it('delegate: two agents at once, one in files and one on the web', async () => {
  const { lines, took } = await example('delegate');
  expect(lines.filter((line) => /^ {2}web-search \d+:/.test(line)).map((line) => line.match(/\d+/)?.[0])).toEqual(
    Array.from({ length: 7 }, (_, at) => String(at + 1)),
  );
  expect(lines.slice(lines.indexOf('"lighthouse" was found:') + 1)).toEqual([
    '  harbour.md: The lighthouse was built in 1874 and is lit to this day.',
    '  letters.md: My dear Ada, the storm has passed, and the lighthouse keeper is well.',
    '  /public/north: The lighthouse in the north is red.',
    '  /public/islands: Each island has a lighthouse of its own.',
  ]);
  expect(took).toBeLessThan(30_000);
}, 40_000);

it('multi-agent-budget: a ceiling holds, and what is not spent comes back', async () => {
  const { lines, took } = await example('multi-agent-budget');
  expect(lines.slice(0, 4)).toEqual([
    'A ceiling of USD:1.2 for everybody; the coordinator has USD:1.2 left',
    'Two agents got USD:0.50 each; the coordinator has USD:0.2 left',
    'A third was refused with BUDGET_EXHAUSTED; the coordinator has USD:0.2 left',
    'Both read four pages and returned the rest; the coordinator has USD:0.4 left',
  ]);
  const [, one, two] = /read (\d).* and (\d).* pages; the coordinator has USD:0 left/.exec(lines[4] ?? '') ?? [];
  expect(Number(one) + Number(two)).toBe(4);
  expect(took).toBeLessThan(30_000);
}, 40_000);

it('nested: too much at the third level, and a circle that the budget ends', async () => {
  const { lines, took } = await example('nested');
  expect(lines).toEqual([
    'planner → researcher@1.0.0',
    'researcher → web-search: refused with LEASE_SUBSET_VIOLATION, then allowed /public/**',
    'read through three levels: 3 of the pages that may be read (USD:1.7 left)',
    'a relay that calls itself came to level 5 and was ended by BUDGET_EXHAUSTED (USD:0.7 left)',
  ]);
  expect(took).toBeLessThan(30_000);
}, 40_000);
