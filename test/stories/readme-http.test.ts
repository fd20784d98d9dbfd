/** The commands and the program of the README's section on HTTP, run as they are written. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Served, served } from './program.ts';

const ROOT = join(import.meta.dirname, '../..');
const OPERATOR = 'the-operator-token-of-the-readme';
const run = promisify(execFile);
const section = /## Over HTTP\n([\s\S]*?)\n## /.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
const blocks = (language: string): string[] =>
  Array.from(section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g')), ([, text]) => text ?? '');

const home = directory();
// A file that imports the package by its name has to stand inside it.
const program = join(ROOT, `dist/readme-${process.pid}.mjs`);
let server: Served;

beforeAll(async () => {
  const [command = ''] = blocks('sh');
  expect(command.trim()).toBe('aga-delegate serve --http 127.0.0.1:7460');
  server = await served(['--data-dir', join(home, 'data')], { AGA_OPERATOR_TOKEN: OPERATOR });
});
afterAll(async () => {
  await server?.stop();
  rmSync(program, { force: true });
});

it('are the commands of an operator, and the program of an agent', async () => {
  const [, script = ''] = blocks('sh');
  // Everything but the two values that are the reader's own, and the last line: the agent comes in between.
  const own = script.replace(/^export .*$/m, `export AGA=${server.url} OPERATOR='${OPERATOR}'`);
  const lines = own.trimEnd().split('\n');
  expect(lines.at(-1)).toContain('-X DELETE');
  const before = `set -eu\n${lines.slice(0, -1).join('\n')}`;
  const { stdout } = await run('bash', ['-c', before], { cwd: home });
  expect(stdout).toContain('"AgentIdentityList"');
  expect(stdout).toContain('"allowed":true');
  expect(stdout).toContain('aga-delegate/default/');
  const token = readFileSync(join(home, 'lead.token'), 'utf8').trim();

  const [source = ''] = blocks('ts');
  writeFileSync(program, source);
  const said = await run(process.execPath, [program], { env: { ...process.env, AGA: server.url, TOKEN: token } });
  expect(said.stdout).toContain('allowed: false');

  const after = `set -eu\n${lines.slice(0, 3).join('\n')}\n${lines.at(-1)}`;
  expect((await run('bash', ['-c', after], { cwd: home })).stdout).toContain('"revoked_count":1');
});
