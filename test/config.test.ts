/** Every setting: where it comes from, in which order, and how a wrong one is named. */
import { writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { settingsTable } from '../scripts/docs.ts';
import { CannotStart } from '../src/cannot-start.ts';
import { configSchema, defaults, parseConfig, readConfig } from '../src/config/file.ts';
import { nearest } from '../src/config/nearest.ts';
import { FLAGS, homeFolder, SETTINGS, settings } from '../src/config.ts';
import { directory } from './scratch.ts';

const HASH = 'ab'.repeat(32);
let file: string;

beforeAll(() => {
  file = join(directory(), 'c.json');
  writeFileSync(file, '{"mode":"shadow"}');
});

describe('where a setting comes from', () => {
  it('is the flag, then the environment, then the default', () => {
    const env = { AGA_DATA_DIR: '/env', AGA_ARTIFACT: HASH, AGA_CONFIG: file };
    expect(settings({}, env, 'linux')).toMatchObject({ dataDir: '/env', artifact: HASH, config: { mode: 'shadow' } });
    const flags = { 'data-dir': '/flag', artifact: 'cd'.repeat(32) };
    // One name for one place, whatever the way there: what is handed to other processes is the same.
    const way = settings({ 'data-dir': '/none/../flag/' }, {}, 'linux');
    expect([way.dataDir, way.launch]).toEqual(['/flag', ['--data-dir', '/flag']]);
    expect(settings(flags, env, 'linux')).toMatchObject({ dataDir: '/flag', artifact: 'cd'.repeat(32) });
    expect(settings({}, {}, 'linux')).toMatchObject({ artifact: null, authority: 'default', config: defaults() });
  });

  it.each([
    ['linux', {}, join(homedir(), '.local', 'state', 'aga-delegate')],
    ['linux', { XDG_STATE_HOME: '/state' }, '/state/aga-delegate'],
    ['linux', { XDG_STATE_HOME: 'relative' }, join(homedir(), '.local', 'state', 'aga-delegate')],
    ['linux', { XDG_STATE_HOME: '' }, join(homedir(), '.local', 'state', 'aga-delegate')],
    ['darwin', { XDG_STATE_HOME: '/state' }, join(homedir(), 'Library', 'Application Support', 'aga-delegate')],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/aga-delegate'],
  ])('keeps its data on %s with %j in %s', (platform, env, path) => {
    expect(settings({}, env, platform).dataDir).toBe(path);
  });

  it.each(['', 'relative', '.'])('keeps nothing in the working directory because HOME is %j', (home) => {
    const before = process.env.HOME;
    process.env.HOME = home;
    try {
      const own = join(userInfo().homedir, '.local', 'state', 'aga-delegate');
      expect(settings({}, {}, 'linux').dataDir).toBe(own);
      expect(settings({}, { XDG_STATE_HOME: '/state' }, 'linux').dataDir).toBe('/state/aga-delegate');
    } finally {
      if (before === undefined) delete process.env.HOME;
      else process.env.HOME = before;
    }
  });

  it('knows of no home where neither the environment nor the system does', () => {
    const unknown = () => {
      throw new Error('ENOENT');
    };
    expect(homeFolder([unknown, () => '', unknown])).toBeNull();
    expect(homeFolder([unknown, () => '/home/a'])).toBe('/home/a');
  });

  it.each([
    [{ AGA_DATA_DIR: '' }, 'AGA_DATA_DIR'],
    [{ AGA_CONFIG: '' }, 'AGA_CONFIG'],
    [{ AGA_URL: 'https://aga.example/?key=secret' }, 'AGA_URL'],
    [{ AGA_ARTIFACT: '' }, 'AGA_ARTIFACT'],
    [{ AGA_ARTIFACT: ` ${HASH}` }, 'AGA_ARTIFACT'],
    [{ AGA_ARTIFACT: HASH.toUpperCase() }, 'AGA_ARTIFACT'],
    [{ AGA_AUTHORITY: '' }, 'AGA_AUTHORITY'],
    [{ AGA_AUTHORITY: '-a' }, 'AGA_AUTHORITY'],
    [{ AGA_AUTHORITY: 'a'.repeat(64) }, 'AGA_AUTHORITY'],
  ])('cannot be %j', (env, named) => {
    const attempt = () => settings({}, env, 'linux');
    expect(attempt).toThrow(CannotStart);
    expect(attempt).toThrow(named);
  });
});

describe('the file', () => {
  it('may hold comments, and a byte-order mark in front', () => {
    const text =
      '\uFEFF// why\n{"mode": /* not yet */ "shadow", // later\n "upstreams": {"web": {"url": "https://x.example//a"}}}';
    const { mode, upstreams } = parseConfig(text, 'c');
    expect(mode).toBe('shadow');
    expect(upstreams.web).toEqual({ url: 'https://x.example//a', timeout: 60_000 });
  });

  it.each([
    ['latin1', Buffer.from('{"presets":{"r":{"permissions":{"fs.read":["/donn\u00e9es/**"]}}}}', 'latin1')],
    ['UTF-16', Buffer.from('\uFEFF{"mode":"shadow"}', 'utf16le')],
  ])('is UTF-8: of %s, a folder would have another name than it was given', (_, bytes) => {
    const path = join(directory(), 'c.json');
    writeFileSync(path, bytes);
    expect(() => readConfig(path)).toThrow(`Cannot read the configuration ${path}: it is not UTF-8.`);
  });

  it('holds every member that there is', () => {
    const whole = {
      upstreams: { fs: { command: 'npx', args: ['-y', 'x'], env: { A: 'b' }, cwd: '/ws', timeout: 5 } },
      maps: { fs: { read: { '/path': 'fs.read', '/paths/*': ['fs.read', 'fs.write'] }, now: {} } },
      mode: 'enforce',
      root_ceiling: { permissions: { 'fs.read': ['/ws/**'] }, limits: { calls: 5 }, argument_rules: [] },
      presets: { reader: { permissions: { 'fs.read': ['/ws/**'] } } },
      limits: { calls: 10, calls_per_minute: 3 },
      require_hook: true,
      refusals_per_minute: 3,
      measure: {},
      agents: {
        'search@1.0.0': { command: 'x', default: true, max_runtime_seconds: 5, budget_exhausted: 'end' },
        far: { remote: true, budget_exhausted: 'refuse' },
      },
      job_grace_seconds: 0,
      prices: {
        'fs/read': { per_call: 'USD:0.30' },
        'fs/x': { result: '/cost', currency: 'USD', reserve: 'USD:0.50' },
      },
    };
    expect(Object.keys(whole).sort()).toEqual(Object.keys(configSchema.shape).sort());
    expect(parseConfig(JSON.stringify(whole), 'c')).toEqual(whole);
  });

  it.each([
    ['{"upstream":{}}', 'Did you mean "upstreams"?'],
    ['{"Mode":"shadow"}', 'Did you mean "mode"?'],
    ['{"zzzzzz":1}', 'Known are'],
    ['{"prices":{"fs/read":{"per_cal":"USD:1"}}}', 'Did you mean "per_call"?'],
    ['{"agents":{"a":{"command":"x","description":""}}}', 'Known are command, '],
    ['{"mode":"shadow","mode":"enforce"}', 'twice'],
    ['{\n"upstreams": {"a": {"command": "x", "args": ["a\\":", "{"]},\n\n"\\u0061": {"command": "y"}}}', 'line 4: "a"'],
    ['{"presets": {}, "limits": {"calls": 1},\n"presets": {}}', 'line 2: "presets"'],
    ['{"mode":"shadow",}', 'not valid JSON'],
    ['{"__proto__":{}}', '__proto__'],
    ['[]', 'the file'],
    ['', 'not valid JSON'],
    ['{"upstreams":{"fs":{"command":"x","disabled":true}}}', 'upstreams.fs.disabled'],
    ['{"upstreams":{"fs":{}}}', 'upstreams.fs.command'],
    ['{"upstreams":{"fs":{"command":"x","url":"https://x"}}}', 'upstreams.fs'],
    ['{"upstreams":{"web":{"url":"file:///etc"}}}', 'upstreams.web.url'],
    ['{"upstreams":{"a__b":{"command":"x"}}}', 'upstreams.a__b'],
    ['{"upstreams":{"fs":{"command":"x","timeout":0}}}', 'upstreams.fs.timeout'],
    ['{"maps":{"fs":{"read":{"path":"fs.read"}}}}', 'maps.fs.read.path'],
    ['{"maps":{"fs":{"read":{"/path":"fs.read"}}}}', 'maps.fs: there is no upstream'],
    ['{"measure":{"fs":{"paths":["/ws"]}}}', 'measure.fs: there is no upstream'],
    ['{"prices":{"fs/read":{"per_call":"USD:1"}}}', 'prices.fs/read: there is no upstream "fs"'],
    ['{"prices":{"read":{"per_call":"USD:1"}}}', 'prices.read: must be "server/tool"'],
    ['{"prices":{"fs/*":{"per_call":"USD:1"}}}', 'prices.fs/*: must name one tool'],
    ['{"prices":{"fs/read":{}}}', 'prices.fs/read.per_call: is missing'],
    ['{"agents":{"a":{}}}', 'agents.a.command: is missing'],
    ['{"root_ceiling":{}}', 'root_ceiling'],
    ['{"root_ceiling":{"permissions":{"fs.read":["../x"]}}}', 'root_ceiling: permissions.fs.read'],
    ['{"presets":{"a":{"permissions":{},"limit":{}}}}', 'presets.a'],
    ['{"presets":{"sandboxed":{"permissions":{}}}}', 'presets.sandboxed'],
    ['{"limits":{"calls":-1}}', 'limits.calls'],
    ['{"refusals_per_minute":0}', 'refusals_per_minute'],
    ['{"job_grace_seconds":"5"}', 'job_grace_seconds'],
    ['{"prices":{"a/b":{"per_call":"0.30"}}}', 'prices.a/b.per_call'],
    [
      '{"prices":{"a/b":{"result":"/cost","currency":"USD","reserve":"EUR:1"}}}',
      'prices.a/b.reserve: must be an amount in',
    ],
    ['{"agents":{"a":{"remote":false}}}', 'agents.a'],
  ])('is refused as %s, naming the place: %s', (text, named) => {
    const attempt = () => parseConfig(text, 'c.json');
    expect(attempt).toThrow(CannotStart);
    expect(attempt).toThrow(named);
  });

  it('never repeats a value in a message: it may be a secret', () => {
    for (const text of ['{"upstreams":{"a":{"command":"x","env":{"K":["s3cret"]}}}}', '{"a":"s3cret",}', '"s3cret"']) {
      expect(() => parseConfig(text, 'c')).toThrow(/^(?!.*s3cret)/s);
    }
  });
});

describe('the reference', () => {
  it('has a row for every flag, every variable, every member, and says what each means', () => {
    const table = settingsTable();
    for (const name of Object.keys(FLAGS)) expect(table).toContain(`\`--${name} `);
    for (const { env } of Object.values(SETTINGS)) expect(table).toContain(`\`${env}\``);
    for (const [name, schema] of Object.entries(configSchema.shape)) {
      expect(table).toContain(`| \`${name}\` |`);
      expect(schema.description).toBeTruthy();
    }
    for (const line of table.trim().split('\n')) expect(line === '' || /^\|.*[^ ] \|$/.test(line)).toBe(true);
  });
});

describe('the near name', () => {
  it('is found within a few slips, and not invented', () => {
    const names = ['upstreams', 'mode', 'root_ceiling'];
    expect(nearest('upstrems', names)).toBe('upstreams');
    expect(nearest('root-ceiling', names)).toBe('root_ceiling');
    expect(nearest('modes', names)).toBe('mode');
    expect(nearest('anything', names)).toBeUndefined();
    expect(nearest('m'.repeat(100_000), names)).toBeUndefined();
  });
});
