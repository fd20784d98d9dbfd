/** A ceiling that names a tool as it is listed would bind nothing, and its operator believe that it does. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directory } from '../../scratch.ts';
import { run } from './cli.ts';

const RULES = [{ tool: 'fs__write', arguments: { path: { under: '/ws' } } }];

it.each([
  ['root_ceiling', { root_ceiling: { permissions: { 'tool.call': ['**'] }, argument_rules: RULES } }],
  ['a preset', { presets: { reader: { permissions: { 'tool.call': ['fs__read'] } } } }],
])('is refused in %s with the name that is meant', async (_, members) => {
  const home = directory();
  const config = join(home, 'config.json');
  writeFileSync(config, JSON.stringify({ upstreams: { fs: { command: 'true' } }, ...members }));
  const { code, err } = await run(['--data-dir', join(home, 'data'), '--config', config, 'create']);
  expect(code).toBe(1);
  expect(err).toMatch(/configuration file: "fs__\w+" is how the tool is listed; here it is called "fs\/\w+"/);
});
