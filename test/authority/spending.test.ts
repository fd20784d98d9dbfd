/** Fifty artifacts in four real processes spend from one budget, and not one cent too much. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import { directory } from '../scratch.ts';

const [dataDir, line] = [directory(), directory()];

test('fifty children in four processes never overspend', async () => {
  const { service, close } = await assemble(settings({ 'data-dir': dataDir }, {}, process.platform));
  const caller = operator();
  const call = (name: string, input: object): Promise<any> => service.call(service.tools.get(name)!, input, caller); // answers of several tools
  const permissions = { 'agent.delegate': ['*'], 'cost.budget': ['USD:20.00'] };
  const root = await call('aga_create_artifact', { permissions, max_children: 50 });
  const children = await Promise.all(
    Array.from({ length: 50 }, () => call('aga_delegate_to_subagent', { permitted_tools: [] })),
  );
  const hashes: string[] = children.map(({ child_artifact_hash }) => child_artifact_hash);
  const script = join(import.meta.dirname, 'spender.process.ts');
  const run = promisify(execFile);
  const spent = await Promise.all(
    [0, 1, 2, 3].map(async (process_) => {
      const own = hashes.filter((_, at) => at % 4 === process_);
      const { stdout } = await run(process.execPath, [script, dataDir, line, '4', ...own]);
      return Number(stdout);
    }),
  );
  const total = spent.reduce((sum, each) => sum + each, 0);
  // It is gone within a dozen commits, and the lock promises nobody a turn.
  expect(spent.filter((each) => each > 0).length).toBeGreaterThan(1);
  const { tree } = await call('aga_inspect', { artifact_hash: root.artifact_hash, view: 'tree' });
  const left = Number(tree[0].budget_left[0].slice(4)) * 100;
  // Nobody may stop while a cent is left, and nobody may have spent one that was not there.
  expect([total, Math.round(left)]).toEqual([2000, 0]);
  expect((await call('aga_verify', { target: 'chain' })).valid).toBe(true);
  await close();
}, 30_000);
