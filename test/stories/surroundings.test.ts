/** What surrounds a process: the rights, limits and files that it finds. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { host } from './host.ts';
import { clean, run, SERVER } from './program.ts';

/** The program to its end, from a shell that sets something first. */
const shell = (setting: string, ...args: readonly string[]) =>
  spawnSync('sh', ['-c', `${setting}; exec "$@"`, 'sh', process.execPath, SERVER, ...args], {
    encoding: 'utf8',
    env: clean(),
  });

const modesIn = (folder: string) =>
  readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]);

describe.skipIf(process.platform === 'win32')('a umask', () => {
  it.for(['000', '777'])('of %s leaves keys and chain readable for their owner, and for nobody else', (umask) => {
    const data = join(directory(), 'made', 'data');
    expect(shell(`umask ${umask}`, '--data-dir', data, 'create')).toMatchObject({ status: 0, stderr: '' });
    for (const folder of [data, join(data, '..')]) expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    expect(modesIn(data)).toEqual(['authority.key', 'chain.db', 'checkpoint', 'log.key'].map((name) => [name, '600']));
  });
});

describe('a data directory', () => {
  it('without its database says what to do', async () => {
    const data = directory();
    await run(['--data-dir', data, 'create']);
    renameSync(join(data, 'chain.db'), join(data, 'elsewhere'));
    writeFileSync(join(data, 'chain.db-wal'), '');
    await expect(host(data)).rejects.toThrow(
      /exited with 1: aga-delegate: The database chain.db is missing, but chain.db-wal is there\. Restore .*\n$/,
    );
  });

  it.skipIf(process.getuid?.() !== 0)(
    'of another user is used by root, who is told that what is made is root’s',
    () => {
      const data = join(directory(), 'data');
      mkdirSync(data);
      expect(shell(`chown 65534 ${data}`, '--data-dir', data, 'create')).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(/^aga-delegate: The data directory .* belongs to another user/),
      });
    },
  );
});
