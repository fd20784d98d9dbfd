/** From nothing to a running installation: init writes what doctor then finds well. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/file.ts';
import { startingConfig } from '../../../src/edge/cli/starting-config.ts';
import { directory } from '../../scratch.ts';
import { installation, onTerminal, PROGRAM, run, start } from './cli.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;
/** Only root may mount, and only where there are namespaces. */
const hasMounts = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe('init', () => {
  it('writes a commented file that the program takes, and never over one that is there', async () => {
    const cwd = directory();
    const path = join(cwd, 'aga-delegate.json');
    const first = await run(['init', '--yes', '--host', 'api.example.com', '--json'], { cwd });
    expect(JSON.parse(first.out)).toEqual({ path, folder: cwd, hosts: ['api.example.com'], mode: 'enforce' });
    const text = readFileSync(path, 'utf8');
    expect(text.match(/\/\//g)?.length).toBeGreaterThan(8);
    expect(parseConfig(text, path).root_ceiling).toMatchObject({
      permissions: { 'fs.write': [`${cwd}/**`], 'net.fetch': ['https://api.example.com/**'] },
    });

    expect((await run(['init', '--yes'], { cwd })).code).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(text);
    const shadow = await run(['init', '--yes', '--force', '--mode', 'shadow'], { cwd });
    expect(shadow).toMatchObject({ code: 0, out: expect.stringContaining('aga-delegate suggest') });
    expect(parseConfig(readFileSync(path, 'utf8'), path).mode).toBe('shadow');
  });

  it('leaves what another one wrote in the moment before it wrote itself', async () => {
    const cwd = directory();
    const path = join(cwd, 'aga-delegate.json');
    const rival = join(directory(), 'rival.cjs');
    // Whatever is opened for writing there, the other one was faster.
    writeFileSync(
      rival,
      `const fs = require('node:fs');
       const path = ${JSON.stringify(path)};
       for (const name of ['writeFileSync', 'openSync']) {
         const own = fs[name];
         fs[name] = (file, ...rest) => {
           fs[name] = own;
           if (String(file).startsWith(path)) require('node:child_process').execFileSync('sh', ['-c', 'printf rival > "$0"', path]);
           return own(file, ...rest);
         };
       }`,
    );
    const ended = await run(['init', '--yes'], { cwd, env: { NODE_OPTIONS: `--require ${rival}` } });
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining('already exists') });
    expect(readFileSync(path, 'utf8')).toBe('rival');
    expect(readdirSync(cwd)).toEqual(['aga-delegate.json']);
  });

  it('gives roots the ceiling that was asked for', async () => {
    const cwd = directory();
    await run(['init', '--yes', '--folder', 'work'], { cwd });
    const env = { AGA_CONFIG: join(cwd, 'aga-delegate.json'), AGA_DATA_DIR: join(cwd, 'state') };
    const { permissions } = JSON.parse((await run(['create', '--json'], { env, cwd })).out);
    expect(permissions['fs.write']).toEqual([`${cwd}/work/**`]);
    const wider = await run(['create', '--permissions', '{"fs.read":["/etc/**"]}', '--json'], { env, cwd });
    expect(JSON.parse(wider.out).error.code).toBe('LEASE_SUBSET_VIOLATION');
  });

  it('asks nobody where there is no terminal: a script gets what --yes gives', async () => {
    const cwd = directory();
    expect(JSON.parse((await run(['init', '--json'], { cwd })).out)).toEqual({
      path: join(cwd, 'aga-delegate.json'),
      folder: cwd,
      hosts: [],
      mode: 'enforce',
    });
    expect(await run(['init'], { cwd })).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
  });

  it('writes nothing where an answer cannot stand in a file', async () => {
    const cwd = directory();
    expect((await run(['init', '--yes', '--host', 'not a host'], { cwd })).code).toBe(1);
    expect((await run(['init', '--yes', '--folder', 'a\u0001b'], { cwd })).code).toBe(1);
    // As a pattern it would be every folder whose name begins and ends so.
    expect((await run(['init', '--yes', '--folder', 'a*b'], { cwd })).code).toBe(1);
    expect(() => readFileSync(join(cwd, 'aga-delegate.json'))).toThrow('ENOENT');
  });

  it.skipIf(!hasScript)('asks three questions on a terminal', async () => {
    const cwd = directory();
    const typed = [
      [/Which folder/, '\r'],
      [/Which hosts/, 'a.example.com, b.example.com\r'],
      [/What happens/, '\u001b[B\r'],
    ] as const;
    const { code } = await onTerminal(['init'], typed, { cwd });
    expect(code).toBe(0);
    const { mode, root_ceiling } = parseConfig(readFileSync(join(cwd, 'aga-delegate.json'), 'utf8'), 'c');
    expect(mode).toBe('shadow');
    expect(root_ceiling).toMatchObject({
      permissions: { 'fs.read': [`${cwd}/**`], 'net.fetch': ['https://a.example.com/**', 'https://b.example.com/**'] },
    });
  });

  it('stays valid with every commented line switched on', () => {
    const text = startingConfig({ folder: '/ws', hosts: [], mode: 'enforce' });
    const on = text.replace(/^( {2,4})\/\/ (".*,)$/gm, '$1$2');
    const config = parseConfig(on, 'c');
    expect(Object.keys(config.upstreams)).toEqual(['fetch', 'remote', 'filesystem']);
    expect(config.require_hook).toBe(true);
    expect(parseConfig(text, 'c').require_hook).toBe(false);
  });
});

describe('doctor', () => {
  type Checked = { ok: boolean; checks: { name: string; status: string; message: string; fix?: string }[] };
  const examine = async (env: Record<string, string>): Promise<Checked & { code: number | null }> => {
    const home = directory();
    const { code, out } = await run(['doctor', '--json'], { env: { HOME: home, ...env }, cwd: env.HOME ?? home });
    return { code, ...JSON.parse(out) };
  };
  const named = ({ checks }: Checked, name: string) => checks.find((check) => check.name === name);

  it('finds a fresh installation well, and makes none where there is none', async () => {
    const home = installation();
    const none = await examine({ AGA_DATA_DIR: join(home.path, 'state') });
    expect(none).toMatchObject({ code: 0, ok: true });
    expect(named(none, 'data directory')?.message).toContain('will be made');
    await home.run('create');
    const some = await examine({ AGA_DATA_DIR: home.path });
    expect(some).toMatchObject({ code: 0, ok: true });
    expect(named(some, 'chain')?.message).toContain('2 entries');
  });

  it('finds files that others may read, and says how to close them', async () => {
    const home = installation();
    await home.run('keys');
    chmodSync(join(home.path, 'authority.key'), 0o644);
    const found = await examine({ AGA_DATA_DIR: home.path });
    expect(found).toMatchObject({ code: 1, ok: false });
    expect(named(found, 'permissions')).toMatchObject({
      status: 'broken',
      fix: `chmod 600 '${home.path}/authority.key'`,
    });
    chmodSync(join(home.path, 'authority.key'), 0o600);
    for (const owner of ['agents', 'team-a']) {
      const key = join(home.path, owner, 'log.key');
      mkdirSync(join(home.path, owner));
      writeFileSync(key, '');
      chmodSync(key, 0o640);
      const deeper = await examine({ AGA_DATA_DIR: home.path });
      expect(deeper.code).toBe(1);
      expect(named(deeper, 'permissions')).toMatchObject({ status: 'broken', fix: `chmod 600 '${key}'` });
      chmodSync(key, 0o600);
    }
    expect(await examine({ AGA_DATA_DIR: home.path })).toMatchObject({ code: 0, ok: true });
  });

  it('finds a damaged database', async () => {
    const home = installation();
    await home.run('create');
    truncateSync(join(home.path, 'chain.db'), 5000);
    const found = await examine({ AGA_DATA_DIR: home.path });
    expect(found.code).toBe(1);
    expect(named(found, 'database')?.status).toBe('broken');
  });

  it.skipIf(!hasMounts)('says of a read-only data directory that, and nothing of what is in it', async () => {
    const home = installation();
    await home.run('create');
    const mount = `mount --bind '${home.path}' '${home.path}' && mount -o remount,ro,bind '${home.path}'`;
    const line = `${mount} && '${process.execPath}' '${PROGRAM}' doctor --json --data-dir '${home.path}'`;
    const { status, stdout } = spawnSync('unshare', ['-m', 'sh', '-c', line], { encoding: 'utf8' });
    expect(status).toBe(1);
    const { checks }: Checked = JSON.parse(stdout);
    expect(checks.filter(({ status }) => status === 'broken')).toMatchObject([
      { name: 'data directory', message: expect.stringContaining('EROFS'), fix: expect.stringContaining('mount it') },
    ]);
  });

  it('tells an identity that does not serve from a chain that is broken', async () => {
    const home = installation();
    const { artifact_hash: root } = await home.ask('create');
    const at = { AGA_DATA_DIR: home.path };
    expect(await examine({ ...at, AGA_ARTIFACT: root })).toMatchObject({ code: 0, ok: true });
    await home.run('revoke', root, '--yes');
    for (const [env, said] of [
      [{ AGA_ARTIFACT: root }, 'ARTIFACT_REVOKED'],
      [{ AGA_ARTIFACT: 'f'.repeat(64) }, 'ARTIFACT_NOT_FOUND'],
      [{ AGA_TOKEN: `lt-delegate-${'a'.repeat(32)}.${'b'.repeat(43)}` }, 'AGA_TOKEN'],
    ] as const) {
      const found = await examine({ ...at, ...env });
      const [{ name, message, fix = '' } = { name: '', message: '' }, ...more] = found.checks.filter(
        ({ status }) => status === 'broken',
      );
      expect([found.code, name, more]).toEqual([1, 'identity', []]);
      expect(message).toContain(said);
      expect(fix).toContain(`unset ${Object.keys(env)[0]}`);
    }
  });

  it('asks the authority that AGA_URL names, and nothing of the chain here', async () => {
    const home = installation();
    await home.run('create');
    const operator = 'operator-of-the-far-authority';
    const far = start(['--data-dir', directory(), 'serve', '--http', '127.0.0.1:0'], {
      env: { AGA_OPERATOR_TOKEN: operator },
    });
    const [line] = await once(far.child.stderr, 'data');
    const url = /http\S+/.exec(String(line))?.[0] ?? '';
    const at = { AGA_DATA_DIR: home.path };
    const well = await examine({ ...at, AGA_URL: url, AGA_OPERATOR_TOKEN: operator });
    expect(well).toMatchObject({ code: 0, ok: true });
    expect(named(well, 'authority')?.message).toContain('1 entry');
    expect(named(well, 'chain')).toBeUndefined();
    // Whether a token serves is found out by redeeming it, so that is left.
    const token = `lt-delegate-${'a'.repeat(32)}.${'b'.repeat(43)}`;
    expect(await examine({ ...at, AGA_URL: url, AGA_TOKEN: token })).toMatchObject({ code: 0, ok: true });
    const stranger = await examine({ ...at, AGA_URL: url, AGA_OPERATOR_TOKEN: 'somebody-elses-operator-token' });
    expect([stranger.code, named(stranger, 'authority')?.fix]).toEqual([
      1,
      expect.stringContaining('AGA_OPERATOR_TOKEN'),
    ]);
    const nobody = await examine({ ...at, AGA_URL: url });
    expect([nobody.code, named(nobody, 'authority')?.message]).toEqual([1, expect.stringContaining('without a token')]);
    const lost = await examine({ ...at, AGA_URL: `${url}/elsewhere`, AGA_OPERATOR_TOKEN: operator });
    expect([lost.code, named(lost, 'authority')?.message]).toEqual([1, expect.stringContaining('404')]);
    const secret = await examine({ ...at, AGA_URL: url.replace('//', '//u:hunter2@'), AGA_OPERATOR_TOKEN: operator });
    expect([secret.code, JSON.stringify(secret)]).toEqual([1, expect.not.stringContaining('hunter2')]);
    far.child.kill();
    await far.ended;
    const away = await examine({ ...at, AGA_URL: url, AGA_OPERATOR_TOKEN: operator });
    expect([away.code, named(away, 'authority')?.message]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
  });

  it('finds wrong settings, once', async () => {
    const found = await examine({ AGA_DATA_DIR: directory(), AGA_CONFIG: '/nowhere/c.json' });
    expect(found.code).toBe(1);
    expect(found.checks.filter(({ status }) => status === 'broken')).toHaveLength(1);
  });

  it('finds settings whose names are misspelt: nobody else would read them', async () => {
    const found = await examine({ AGA_DATA_DIR: directory(), AGA_TOKN: 'x', AGA_ARTIFCAT: 'y', AGA_MCP_CONFIG: 'z' });
    const notes = found.checks.filter(({ name }) => name === 'environment');
    expect(notes.map(({ message, fix }) => `${message} ${fix}`)).toEqual([
      expect.stringMatching(/^AGA_ARTIFCAT .*AGA_ARTIFACT/),
      expect.stringMatching(/^AGA_TOKN .*AGA_TOKEN/),
    ]);
  });

  it('finds hosts: those that start us, those that do not, those that cannot be read', async () => {
    const home = directory();
    const host = (path: string, text: string): void => {
      mkdirSync(join(home, path, '..'), { recursive: true });
      writeFileSync(join(home, path), text);
    };
    const ours = { command: 'npx', args: ['-y', 'aga-delegate@0.1.0'] };
    host('.mcp.json', JSON.stringify({ mcpServers: { aga: ours } }));
    host('.vscode/mcp.json', `// servers\n${JSON.stringify({ servers: { aga: ours, other: { command: 'x' } } })}`);
    host('.cursor/mcp.json', '{"mcpServers":{"not-aga-delegate-at-all":{"command":"y"}}}');
    host('.claude.json', '{');
    const found = await examine({ HOME: home, AGA_DATA_DIR: join(home, 'state') });
    expect(found).toMatchObject({ code: 0, ok: true });
    expect(named(found, 'Claude Code, here')?.status).toBe('ok');
    expect(named(found, 'VS Code, here')?.message).toContain('1 other server beside it');
    expect(named(found, 'Cursor')?.fix).toContain('aga-delegate');
    expect(named(found, 'Claude Code')?.message).toContain('cannot be read');
    expect(named(found, 'hosts')).toBeUndefined();
    expect(named(await examine({ AGA_DATA_DIR: join(home, 'state') }), 'hosts')?.status).toBe('note');
  });
});

describe('demo', () => {
  it('plays the main job as it should go, and touches nothing that exists', async () => {
    const elsewhere = { AGA_ARTIFACT: 'f'.repeat(64), AGA_DATA_DIR: '/nowhere' };
    const { code, out, err } = await run(['demo', '--json'], { env: elsewhere });
    expect(JSON.parse(out)).toEqual({ scenes: 8, exit_codes: [0, 0, 1, 1, 0, 0, 0, 0] });
    expect(code).toBe(0);
    expect(err).toContain('LEASE_SUBSET_VIOLATION');
    expect(err).toContain('nothing is wrong');
  });
});
