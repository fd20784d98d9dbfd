/** A command that a person runs as an agent, on a terminal. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
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

it.skipIf(!hasScript || process.platform !== 'linux')('ends with all that it has started', async () => {
  const home = installation();
  const root = (await home.ask('create')).artifact_hash;
  const { child_artifact_hash, enrollment } = await home.ask('delegate', '--parent-artifact-hash', root, '--enroll');
  const file = join(home.path, 'left');
  const stubborn = `for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => {});
    require("node:fs").writeFileSync("${file}", String(process.pid)); setInterval(() => {}, 1000)`;
  const starting = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(stubborn)}]); setInterval(() => {}, 1000)`;
  const words = ['run', '--token', enrollment.token, '--', process.execPath, '-e', starting];
  const ended = onTerminal(['--data-dir', home.path, ...words], []);
  await vi.waitFor(() => expect(existsSync(file) && readFileSync(file, 'utf8')).toMatch(/^\d+$/), 10_000);
  await home.run('revoke', child_artifact_hash, '--yes');
  expect((await ended).code).toBe(143);
  // One that nobody has buried is over, too.
  const state = (): string => {
    try {
      return readFileSync(`/proc/${readFileSync(file, 'utf8')}/stat`, 'latin1').split(') ')[1]![0]!;
    } catch {
      return 'gone';
    }
  };
  onTestFinished(() => {
    if (state() === 'S') process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  });
  await vi.waitFor(() => expect(['gone', 'Z']).toContain(state()), 2000);
});
