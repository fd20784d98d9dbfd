/** Keys at a question that are no answer: they never count as a yes, and a command that did nothing does not end as if it had. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { directory } from '../../scratch.ts';
import { type Installation, installation, onTerminal } from './cli.ts';

let home: Installation;
let root: string;

beforeAll(async () => {
  home = installation();
  root = (await home.ask('create')).artifact_hash;
});

const hasScript = spawnSync('script', ['--version']).status === 0;

it.skipIf(!hasScript)('takes an Enter from before the question as the no that is offered', async () => {
  // A terminal that still reads lines hands an Enter on as a line feed; the next one comes as it is typed.
  const ended = await onTerminal(['--data-dir', home.path, 'revoke', root], [[/for ever/, '\n\r']]);
  expect(ended.code).toBe(1);
  expect((await home.ask('inspect', root)).status).toBe('active');
});

it.skipIf(!hasScript)('takes Ctrl-D for a cancelled command, and says so', async () => {
  const revoked = await onTerminal(['--data-dir', home.path, 'revoke', root], [[/for ever/, '\u0004']]);
  expect(revoked.code).toBe(1);
  expect(revoked.out).toContain('CANCELLED');
  expect((await home.ask('inspect', root)).status).toBe('active');
  const cwd = directory();
  expect((await onTerminal(['init'], [[/hosts|Which folder/, '\u0004']], { cwd })).code).toBe(1);
  expect(readdirSync(cwd)).toEqual([]);
});
