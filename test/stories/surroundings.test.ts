/** What surrounds a process: the rights, limits and files that it finds. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** The exit code of a command whose reader is gone before it is asked. */
function unread(stream: 'stdout' | 'stderr', args: readonly string[], input = ''): Promise<number | null> {
  const child = spawn(process.execPath, [SERVER, ...args], { env: clean() });
  child[stream].destroy();
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve) => child.once('exit', resolve));
}

it.skipIf(process.platform === 'win32')('leaves a configuration as it was that it has no room to replace', () => {
  const folder = directory();
  const init = (force: string) => shell(`cd ${folder}; ulimit -f 0`, 'init', '--yes', ...(force ? [force] : []));
  expect(init('')).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot be written: EFBIG') });
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'aga-delegate.json'), '{}');
  expect(init('--force')).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot be written: EFBIG') });
  expect(readdirSync(folder)).toEqual(['aga-delegate.json']);
  expect(readFileSync(join(folder, 'aga-delegate.json'), 'utf8')).toBe('{}');
});

it('prints all of an answer to whoever reads slowly', async () => {
  const data = directory();
  const server = await host(data);
  await Promise.all(Array.from({ length: 250 }, () => server.call('aga_create_artifact')));
  await server.close();
  const child = spawn(process.execPath, [SERVER, '--data-dir', data, 'log', '--json', '--limit', '500'], {
    env: clean(),
  });
  await sleep(500);
  const { entries } = JSON.parse(await text(child.stdout));
  expect(entries).toHaveLength(251);
});

describe('output that nobody takes', () => {
  const call = { hook_event_name: 'PreToolUse', tool_name: 'Read', tool_input: { file_path: '/x' }, agent_id: 'a' };
  const input = JSON.stringify({ ...call, agent_type: 'nobody' });

  it.each(['stdout', 'stderr'] as const)('does not turn the no of a hook into a yes: %s', async (stream) => {
    expect(await unread(stream, ['--data-dir', join(directory(), 'data'), 'hook'], input)).toBe(2);
  });

  it('nor does an accident that nobody catches', async () => {
    const accident = `data:text/javascript,setTimeout(()=>{throw new Error('accident')},100)`;
    const env = { ...clean(), NODE_OPTIONS: `--import ${JSON.stringify(accident)}` };
    const child = spawn(process.execPath, [SERVER, '--data-dir', join(directory(), 'data'), 'hook'], { env });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(2);
  });

  it('does not change what the exit code says', async () => {
    const data = directory();
    await run(['--data-dir', data, 'create']);
    const check = [
      '--data-dir',
      data,
      'check',
      '--capability',
      'tool.call',
      '--resource',
      'a/b',
      '--artifact-hash',
      '0'.repeat(64),
    ];
    expect((await run(check)).code).toBe(1);
    expect(await unread('stdout', check)).toBe(1);
    expect(await unread('stdout', ['--data-dir', data, 'verify'])).toBe(0);
  });

  it.skipIf(process.platform !== 'linux')('because a disk is full is an error', () => {
    const full = (...args: readonly string[]) =>
      spawnSync('sh', ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, SERVER, ...args], {
        encoding: 'utf8',
        env: clean(),
        input,
        timeout: 10_000,
        killSignal: 'SIGKILL',
      });
    const data = directory();
    expect(full('--data-dir', data, 'create')).toMatchObject({
      status: 1,
      stderr: 'aga-delegate: The answer could not be written: ENOSPC.\n',
    });
    expect(full('--version')).toMatchObject({ status: 1, stderr: expect.stringContaining('ENOSPC') });
    expect(full('--help')).toMatchObject({ status: 1 });
    expect(full('--data-dir', data, 'log', '--follow')).toMatchObject({ status: 1 });
    expect(full('--data-dir', data, 'hook').status).toBe(2);
  });
});

it('finds a disk that is full before anything fails because of it', ({ skip }) => {
  const disk = directory();
  const script = `mount -t tmpfs -o size=2m tmpfs ${disk} && set -- "$@" --data-dir ${disk}/data && "$@" create >&2 &&
    (cat /dev/zero >${disk}/ballast 2>/dev/null; exec "$@" doctor --json)`;
  const { stdout, status } = spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', process.execPath, SERVER], {
    encoding: 'utf8',
    env: clean(),
  });
  if (stdout === '') skip('no private mount on this system: a full disk was not tried');
  expect(status).toBe(1);
  expect(stdout).toMatch(/The disk of .* is full: 0 KiB are left\./);
  expect(stdout).not.toMatch(/backup/);
});

describe.skipIf(spawnSync('prlimit', ['--version']).status !== 0)('without a free file descriptor', () => {
  /** From now on the process can open nothing more; the function that it answers with lets it. */
  function exhaust(pid: number | undefined): () => void {
    const limit = (files: number) => execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${files}:`]);
    limit(3);
    return () => limit(1024);
  }

  it('a first write is made as any other', async () => {
    const data = directory();
    await run(['--data-dir', data, 'create']);
    const server = await host(data);
    exhaust(server.child.pid);
    expect((await server.call('aga_create_artifact')).success).toBe(true);
    await server.close();
  });

  it('no job and no upstream can be started, and the server goes on', async () => {
    const data = directory();
    const config = join(data, 'config.json');
    const agent = { command: process.execPath, args: ['-e', `console.log('{"type":"result","result":1}')`] };
    const large = { ...agent, env: { LARGE: 'x'.repeat(200_000) } };
    writeFileSync(
      config,
      JSON.stringify({ agents: { agent, large }, upstreams: { up: { command: process.execPath } } }),
    );
    const server = await host(data, { args: ['--config', config] });
    await server.call('aga_create_artifact');
    const job = (name: string) => server.call('aga_dispatch_job', { agent: name, input: {}, wait_seconds: 10 });
    expect(await job('agent')).toMatchObject({ state: 'success' });
    expect(await job('large')).toMatchObject({
      state: 'error',
      error: { message: 'The agent could not be started (E2BIG).' },
    });
    const free = exhaust(server.child.pid);
    expect(await job('agent')).toMatchObject({ state: 'error', error: { code: 'UPSTREAM_FAILED' } });
    expect((await server.request('tools/call', { name: 'up__any', arguments: {} })).result?.isError).toBe(true);
    free();
    expect(await job('agent')).toMatchObject({ state: 'success' });
    await server.close();
  });
});

describe('a data directory', () => {
  it('is refused where its path is too long for a database in it', async () => {
    const [above, name] = [directory(), 'd'.repeat(120)];
    const { code, err } = await run(['--data-dir', join(above, name, name, name, name), 'create']);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^aga-delegate: Cannot use .*: ENAMETOOLONG\. Choose another/),
    ]);
    expect(readdirSync(above)).toEqual([]);
    expect((await run(['--data-dir', join(above, name, name, name), 'create'])).code).toBe(0);
  });

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
