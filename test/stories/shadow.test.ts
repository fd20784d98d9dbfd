/** An operator who does not know what an agent needs: init, shadow, work, suggest, paste, enforce. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { start } from './host.ts';
import { clean, SERVER } from './program.ts';

const FILES = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');

it('what was learned in shadow mode is what the agent needs when it is enforced', { timeout: 60_000 }, async () => {
  const home = directory();
  const [data, file] = [join(home, 'data'), join(home, 'aga-delegate.json')];
  const env = { AGA_CONFIG: file };
  const cli = (...words: string[]): string =>
    execFileSync(process.execPath, [SERVER, ...words], {
      cwd: home,
      env: { ...clean(), ...env, AGA_DATA_DIR: data },
      encoding: 'utf8',
    });
  const agent = async (permissions: string) => {
    const { artifact_hash } = JSON.parse(cli('create', '--permissions', permissions, '--json'));
    const host = await start(data, { args: ['--artifact', artifact_hash], env });
    const use = async (name: string, args: object): Promise<string> =>
      (await host.request('tools/call', { name: `filesystem__${name}`, arguments: args })).result?.content[0].text;
    const seen = async (): Promise<string[]> =>
      (await host.request('tools/list')).result?.tools
        .map(({ name }: { name: string }) => name)
        .filter((name: string) => name.includes('__'));
    return { use, seen };
  };
  const edit = (change: (text: string) => string) => writeFileSync(file, change(readFileSync(file, 'utf8')));

  cli('init', '--yes', '--mode', 'shadow');
  // What npx would fetch, without the network.
  edit((text) =>
    text.replace('"npx"', JSON.stringify(process.execPath)).replace(/"-y", "[^"]+"/, JSON.stringify(FILES)),
  );
  writeFileSync(join(home, 'a.md'), 'the quarterly numbers');

  const learner = await agent('{"tool.call":["filesystem/list_directory"]}');
  expect((await learner.seen()).length).toBeGreaterThan(10);
  expect(await learner.use('read_text_file', { path: join(home, 'a.md') })).toContain('quarterly');
  await learner.use('write_file', { path: join(home, 'b.md'), content: 'x' });

  const [, permissions = ''] = /^--permissions '(.*)'$/m.exec(cli('suggest')) ?? [];
  expect(JSON.parse(permissions)).toEqual({
    'tool.call': ['filesystem/read_text_file', 'filesystem/write_file'],
    'fs.read': [`${home}/**`],
    'fs.write': [`${home}/**`],
  });

  edit((text) => text.replace('"mode": "shadow"', '"mode": "enforce"'));
  const worker = await agent(permissions);
  expect(await worker.seen()).toEqual(['filesystem__read_text_file', 'filesystem__write_file']);
  expect(await worker.use('read_text_file', { path: join(home, 'a.md') })).toContain('quarterly');
  expect(await worker.use('write_file', { path: join(home, 'b.md'), content: 'y' })).toContain('Successfully');
  expect(await worker.use('list_directory', { path: home })).toContain('PERMISSION_DENIED');
  expect(readFileSync(join(home, 'b.md'), 'utf8')).toBe('y');
});
