/** What is typed wrongly: exit 2 and the near name; what the program cannot begin with: exit 1 and the reason. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/edge/cli/commands/index.ts';
import { directory } from '../../scratch.ts';
import { onTerminal, run, start } from './cli.ts';

const DID = 'did:key:z6MkgRv1QbG9Loza3YrvJ91B47y12zVJJZ3qiCHggNfFNcLQ';
const hasScript = spawnSync('script', ['--version']).status === 0;

describe('usage', () => {
  it.each([
    [['creat'], 'create'],
    [['create', '--subjct', 'x'], '--subject'],
    [['revoke', '--ye'], '--yes'],
    [['nonsense'], 'nonsense'],
    [['--nonsense'], '--nonsense'],
    [['tree', 'a', 'b'], 'too many'],
    [['check', '--capability', 'tool.call'], '--resource'],
    [['check', '--resource', 'a/b'], '--capability'],
    [['revoke'], 'hash'],
    [['revoke', 'abc', '--artifact-hash', 'abc'], 'twice'],
    [['create', '--subject'], '--subject'],
    [['--data-dir'], '--data-dir'],
    [['--config'], '--config'],
    [['init', '--mode', 'loose'], 'enforce'],
    [['verify', 'bundle.json'], '--trust'],
    [['export'], "missing argument 'hash'"],
    [['export', '--first', 'x'], '--first'],
    [['create', '--limits', '{"calls":5}', '--limits', '{"calls_per_minute":1}'], '--limits'],
    [['create', '--ttl-seconds', '10', '--ttl-seconds', '20'], 'twice'],
    [['--json'], 'Usage'],
  ])('%j exits 2 and names %s', async (args, named) => {
    const home = directory();
    const { code, out, err } = await run(args, { env: { AGA_DATA_DIR: join(home, 'state') } });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(named);
    expect(err).toContain('--help');
    expect(readdirSync(home)).toEqual([]);
  });

  it('explains every command, with examples, and touches nothing', async () => {
    const home = directory();
    const env = { AGA_DATA_DIR: join(home, 'state'), AGA_ARTIFACT: 'garbage' };
    const all = await run(['--help'], { env });
    expect(all).toMatchObject({ code: 0, err: '' });
    for (const { name, summary } of COMMANDS) {
      expect(all.out).toMatch(new RegExp(`^  ${name} `, 'm'));
      expect(summary.length).toBeLessThan(110);
    }
    for (const { name } of COMMANDS.slice(0, 3)) {
      const one = await run([name, '--help'], { env });
      expect(one.code).toBe(0);
      expect(one.out).toContain('Examples:');
      expect(one.out).toContain('--data-dir');
    }
    expect(readdirSync(home)).toEqual([]);
  });

  it('says of a switch what it does by being there', async () => {
    const { out } = await run(['revoke', '--help']);
    expect(out).toMatch(/--dry-run +Say what would end, change nothing$/m);
  });

  it('tells its version', async () => {
    for (const flag of ['--version', '-v']) {
      const { code, out } = await run([flag]);
      expect(code).toBe(0);
      expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
    }
  });
});

describe('settings', () => {
  it('takes the flag before the environment, before and after the command', async () => {
    const [flag, env] = [directory(), directory()];
    const before = await run(['--data-dir', flag, 'keys', '--json'], { env: { AGA_DATA_DIR: env } });
    const after = await run(['keys', '--json', '--data-dir', flag], { env: { AGA_DATA_DIR: env } });
    expect(after.out).toBe(before.out);
    expect(readdirSync(env)).toEqual([]);
    expect(statSync(flag).mode & 0o777).toBe(0o700);
  });

  it('lives in the state directory of the user, never in the working directory', async () => {
    const [home, cwd] = [directory(), directory()];
    await run(['keys'], { env: { XDG_STATE_HOME: home, HOME: home }, cwd });
    expect(readdirSync(join(home, 'aga-delegate'))).toContain('chain.db');
    await run(['keys'], { env: { XDG_STATE_HOME: 'relative', HOME: home }, cwd });
    expect(readdirSync(cwd)).toEqual([]);
  });

  const file = (text: string): string => {
    const path = join(directory(), 'c.json');
    writeFileSync(path, text);
    return path;
  };

  it.each([
    ['no file', () => join(directory(), 'none.json'), 'ENOENT'],
    ['a directory', () => directory(), 'EISDIR'],
    ['an empty name', () => '', 'empty'],
    ['no JSON', () => file('{'), 'JSON'],
    ['a wrong key', () => file('{"mode":"enforce","root_cieling":{}}'), 'root_ceiling'],
    ['a wrong value', () => file('{"upstreams":{"fs":{"command":7}}}'), 'upstreams.fs.command'],
  ])('ends with exit 1 where --config is %s, for the server as for a command', async (_, path, named) => {
    const args = ['--data-dir', directory(), '--config', path()];
    for (const { code, out, err } of [await run(args), await run([...args, 'tree'])]) {
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain(named);
    }
  });

  it('is a no in JSON as well where --json is given', async () => {
    const none = join(directory(), 'none.json');
    for (const args of [
      ['--config', none, 'tree'],
      ['verify', none, '--trust', DID],
    ]) {
      const { code, out } = await run(['--data-dir', directory(), ...args, '--json']);
      expect([code, JSON.parse(out).error]).toMatchObject([1, { code: 'INVALID_REQUEST', retryable: false }]);
      expect(out).toContain('none.json');
    }
  });

  it('ends with exit 1 where the data directory cannot be one', async () => {
    const home = directory();
    writeFileSync(join(home, 'file'), '');
    for (const path of [join(home, 'file'), join(home, 'file', 'below'), '']) {
      const { code, out, err } = await run(['--data-dir', path, 'keys']);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/data directory|AGA_DATA_DIR/);
    }
  });

  it.skipIf(process.getuid?.() === 0)('ends with exit 1 where it may not write', async () => {
    const home = directory();
    mkdirSync(join(home, 'closed'));
    chmodSync(join(home, 'closed'), 0o500);
    expect((await run(['--data-dir', join(home, 'closed', 'state'), 'keys'])).code).toBe(1);
  });

  it('refuses an authority that is no DNS label', async () => {
    const { code, err } = await run(['--data-dir', directory(), 'keys'], { env: { AGA_AUTHORITY: 'Not One' } });
    expect(code).toBe(1);
    expect(err).toContain('AGA_AUTHORITY');
  });
});

describe('without a command', () => {
  it('is the MCP server, and ends with its input', async () => {
    const { child, ended } = start(['--data-dir', directory()]);
    child.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ jsonrpc: '2.0', id: 1 });
  });

  it.skipIf(!hasScript)('tells a person who started it where the commands are, and a host nothing', async () => {
    const person = await onTerminal(['--data-dir', directory()], [[/--help/, '\u0004']]);
    expect(person).toMatchObject({ code: 0, out: expect.stringContaining('aga-delegate --help') });
    expect(await run(['--data-dir', directory()])).toMatchObject({ code: 0, out: '', err: '' });
  });
});

describe('with AGA_URL', () => {
  it.each([
    [
      { files: { command: 'nothing' }, web: { url: 'https://example.com/mcp' } },
      /^aga-delegate: .*AGA_URL.* files, web\.$/,
    ],
    [{}, /^$/],
  ])('the server says once that upstreams of the configuration here are not used: %j', async (upstreams, said) => {
    const home = directory();
    const config = join(home, 'aga-delegate.json');
    writeFileSync(config, JSON.stringify({ upstreams }));
    const env = { AGA_URL: 'http://127.0.0.1:9', AGA_TOKEN: `lt-delegate-${'a'.repeat(32)}.${'b'.repeat(43)}` };
    const { code, out, err } = await run(['--config', config, '--data-dir', join(home, 'state')], { env });
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err.trim()).toMatch(said);
  });
});
