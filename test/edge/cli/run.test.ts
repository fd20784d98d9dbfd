/** A command that a person runs as an agent, on a terminal. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { installation, onTerminal } from './cli.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;

it.skipIf(!hasScript)('gets a Ctrl-C once, as it would without us: many hosts end at the second', async () => {
  const home = installation();
  const root = (await home.ask('create')).artifact_hash;
  const { token } = (await home.ask('delegate', '--parent-artifact-hash', root, '--enroll')).enrollment;
  const counting = `let seen = 0;
    process.on("SIGINT", () => { seen += 1; setTimeout(() => process.exit(40 + seen), 500); });
    setInterval(() => {}, 1000); console.log("ready")`;
  const words = ['run', '--token', token, '--', process.execPath, '-e', counting];
  const { code } = await onTerminal(['--data-dir', home.path, ...words], [[/ready/, '\u0003']]);
  expect(code).toBe(41);
});
