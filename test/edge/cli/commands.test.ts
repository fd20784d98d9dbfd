/** Each command that is a tool: its flags, its two faces, its exit code. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, it } from 'vitest';
import { EVENT_KINDS } from '../../../src/authority/event/index.ts';
import { TOOLS } from '../../../src/tools/index.ts';
import { directory } from '../../scratch.ts';
import { type Installation, installation, run, start } from './cli.ts';

let home: Installation;
let root: string;
let child: string;

beforeAll(async () => {
  home = installation();
  root = (await home.ask('create', '--subject', 'lead', '--ttl-seconds', '7200')).artifact_hash;
  const permissions = JSON.stringify({ 'fs.read': ['/ws/**'], 'agent.delegate': ['*'] });
  const delegate = [
    'delegate',
    '--parent-artifact-hash',
    root,
    '--sub-agent-id',
    'reader',
    '--permissions',
    permissions,
  ];
  child = (await home.ask(...delegate)).child_artifact_hash;
});

describe('create and delegate', () => {
  it('take lists as repeated flags and as JSON, alike', async () => {
    const flags = await home.ask('create', '--permitted-tools', 'git/*', '--permitted-tools', 'fs/*');
    const json = await home.ask('create', '--permitted-tools', '["fs/*","git/*"]');
    expect(flags.permissions['tool.call']).toEqual(['fs/*', 'git/*']);
    expect(json.permissions).toEqual(flags.permissions);
    const none = await home.ask('create', '--permitted-tools', '[]');
    expect(none.permissions).toEqual({ 'agent.delegate': ['*', '*@*'], 'tool.call': [] });
  });

  it('take a pattern that begins with a bracket as it is', async () => {
    const { permissions } = await home.ask('create', '--permitted-tools', '[x]/y');
    expect(permissions['tool.call']).toEqual(['[x]/y']);
  });

  it('answer with --json exactly what the tool answers', async () => {
    const tool = TOOLS.find(({ name }) => name === 'aga_create_artifact');
    const answer = await home.ask('create');
    expect(tool?.output.safeParse(answer).success).toBe(true);
  });

  it('are one line of JSON for a program, words without colours in a pipe', async () => {
    const json = await home.run('create', '--json');
    expect(json.out.trimEnd().split('\n')).toHaveLength(1);
    const words = await home.run('create', '--subject', 'someone');
    expect(words.out).toMatch(/artifact +[0-9a-f]{64}\n/);
    expect(words.out).toContain('someone');
    expect(words.out).not.toContain('\u001b');
  });

  it('show the token that was asked for, once it is there', async () => {
    const { artifact_hash: other } = await home.ask('create');
    const { out } = await home.run('delegate', '--parent-artifact-hash', other, '--enroll');
    expect(out).toMatch(/^token +lt-delegate-[0-9a-f]{32}\.[\w-]{43}$/m);
    expect((await home.run('delegate', '--parent-artifact-hash', other)).out).not.toContain('token');
  });

  it('say of first digits that fit nothing what they are, and of a value how it is written', async () => {
    const { code, err } = await home.run('tree', 'ffffffff');
    expect([code, err]).toEqual([1, expect.stringContaining('ARTIFACT_NOT_FOUND: No artifact that is shown begins')]);
    const rules = await home.run('create', '--argument-rules', 'x');
    expect([rules.code, rules.err]).toEqual([1, expect.stringContaining("--argument-rules '…'")]);
  });

  it('refuse with exit 1: JSON on stdout for programs, words on stderr for people', async () => {
    const asked = [
      'delegate',
      '--parent-artifact-hash',
      child,
      '--sub-agent-id',
      'x',
      '--permissions',
      '{"fs.read":["/**"]}',
    ];
    const json = await home.run(...asked, '--json');
    expect(json).toMatchObject({ code: 1, err: '' });
    const { error } = JSON.parse(json.out);
    expect(error).toMatchObject({ code: 'LEASE_SUBSET_VIOLATION', retryable: false });
    expect(Object.keys(error).sort()).toEqual(['code', 'detail', 'hint', 'message', 'retryable']);
    const words = await home.run(...asked);
    expect(words).toMatchObject({ code: 1, out: '' });
    expect(words.err).toContain('LEASE_SUBSET_VIOLATION');
    expect(words.err).toContain('/ws/**');
  });

  it('show a request that would pass as flags, and it passes', async () => {
    const asked = ['delegate', '--parent-artifact-hash', child, '--sub-agent-id', 'x'];
    const { err } = await home.run(...asked, '--permissions', '{"fs.read":["/ws/a/**","/etc/**"]}');
    const [, nearest = ''] = /this would pass: --permissions '(.*)'/.exec(err) ?? [];
    expect(await home.run(...asked, '--permissions', nearest)).toMatchObject({ code: 0 });
  });

  it('show a word of it as a word', async () => {
    const strict = ['--policy-preset', 'sandboxed', '--min-binding', 'process'];
    const agents = ['--permissions', '{"agent.delegate":["*"]}'];
    const { artifact_hash: other } = await home.ask('create');
    const { child_artifact_hash: parent } = await home.ask(
      ...['delegate', '--parent-artifact-hash', other, '--min-binding', 'process', ...agents],
    );
    const asked = ['delegate', '--parent-artifact-hash', parent, '--sub-agent-id', 'x'];
    const { err } = await home.run(...asked, '--min-binding', 'handle');
    expect(err).toContain("this would pass: --min-binding 'process'\n");
    expect(await home.run(...asked, ...strict)).toMatchObject({ code: 0 });
  });

  it('say of a number what number it must be', async () => {
    const says = async (...given: string[]) => (await home.run('create', ...given)).err;
    expect(await says('--max-depth', '1.5')).toContain('max_depth: must be a whole number.');
    expect(await says('--ttl-seconds', '9'.repeat(20))).toContain('ttl_seconds: must be');
    expect(await says('--ttl-seconds', '9'.repeat(20))).not.toContain('not text');
  });

  it.concurrent.each([
    ['--ttl-seconds', 'abc'],
    ['--ttl-seconds', '0'],
    ['--ttl-seconds', '1.5'],
    ['--max-depth', '-1'],
    ['--permissions', '{"fs.read"'],
    ['--permissions', '[]'],
    ['--permissions', '{"fs.read":["/a"],"fs.read":["/**"]}'],
    ['--permissions', '{"__proto__":["/a"]}'],
    ['--permitted-tools', '[1]'],
    ['--permitted-tools', ''],
    ['--subject', ''],
  ])('refuse create %s %s as INVALID_REQUEST', async (flag, value) => {
    const { code, out } = await home.run('create', flag, value, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out).error.code).toBe('INVALID_REQUEST');
  });

  it('say which flag is missing where no artifact is named', async () => {
    const { code, err } = await home.run('delegate');
    expect(code).toBe(1);
    expect(err).toContain('NO_ARTIFACT');
    expect(err).toContain('--parent-artifact-hash');
    expect((await home.run('delegate', '--json')).out).toContain('"NO_ARTIFACT"');
  });
});

describe('check', () => {
  const ask = (resource: string) => [
    'check',
    '--artifact-hash',
    child,
    '--capability',
    'fs.read',
    '--resource',
    resource,
  ];

  it('exits 0 for a yes and 1 for a no, which is an answer and not an error', async () => {
    expect(await home.run(...ask('/ws/a.md'))).toMatchObject({ code: 0, err: '' });
    const no = await home.run(...ask('/etc/passwd'), '--json');
    expect(no).toMatchObject({ code: 1, err: '' });
    expect(JSON.parse(no.out)).toMatchObject({
      allowed: false,
      code: 'PERMISSION_DENIED',
      nearest_allowed: ['/ws/**'],
    });
    const words = await home.run(...ask('/etc/passwd'));
    expect(words.code).toBe(1);
    expect(words.out).toMatch(/refused by +reader/);
  });
});

describe('tree and inspect', () => {
  it('draw what was delegated, and give the nodes to programs', async () => {
    const { out } = await home.run('tree', root);
    expect(out).toMatch(/^● lead .*\n└─ ● reader /);
    const answer = await home.ask('tree', root);
    expect(answer.tree.slice(0, 2).map((node: { subject: string }) => node.subject)).toEqual(['lead', 'reader']);
  });

  it('take a hash with or without its flag, whole or its first digits', async () => {
    const asked = [
      ['inspect', child],
      ['inspect', '--artifact-hash', child],
      ['inspect', child.slice(0, 10)],
    ];
    const answers = await Promise.all(asked.map((args) => home.ask(...args)));
    for (const answer of answers) expect(answer.artifact_hash).toBe(child);
    expect((await home.ask('inspect', child, '--view', 'lineage')).lineage).toHaveLength(2);
    expect((await home.run('inspect', child)).out).toMatch(/fs\.read +\/ws\/\*\*/);
  });

  it.concurrent.each(['0000000', 'xyz', '0'.repeat(64), `${'a'.repeat(63)}G`])('refuse the hash %s', async (hash) => {
    expect(await home.run('inspect', hash)).toMatchObject({ code: 1, out: '' });
  });
});

describe('log', () => {
  it('with --json is one page of the tool', async () => {
    const first = await home.ask('log', '--limit', '2');
    expect(first.entries.map((entry: { sequence_number: number }) => entry.sequence_number)).toEqual([0, 1]);
    const second = await home.ask('log', '--limit', '2', '--after', String(first.next));
    expect(second.entries[0].sequence_number).toBe(2);
    const delegations = await home.ask('log', '--kind', 'DELEGATION', '--artifact-hash', child);
    expect(delegations.entries[0].event.child_artifact_hash).toBe(child);
  });

  it('is a table that ends with the newest entry', async () => {
    const newest = (await home.ask('create', '--subject', 'newest')).artifact_hash;
    const { out } = await home.run('log', '--limit', '3');
    const rows = out.trimEnd().split('\n');
    expect(rows).toHaveLength(3);
    expect(rows.at(-1)).toContain(`newest ${newest.slice(0, 12)}`);
    expect(rows.at(-1)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ +ARTIFACT_CREATED +operator +root/);
    const filtered = (await home.run('log', '--kind', 'DELEGATION')).out.trimEnd().split('\n');
    expect(filtered.every((row) => row.includes('DELEGATION'))).toBe(true);
    const numbers = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((row) => Number(row.split(/ +/)[2])); // day, time, number
    for (const kind of ['DELEGATION', 'GENESIS', 'ARTIFACT_CREATED']) {
      const { entries } = await home.ask('log', '--kind', kind, '--limit', '500');
      const all = entries.map((entry: { sequence_number: number }) => entry.sequence_number);
      for (const limit of [1, 2, 50])
        expect(numbers((await home.run('log', '--kind', kind, '--limit', String(limit))).out)).toEqual(
          all.slice(-limit),
        );
    }
    expect((await home.run('log', '--kind', 'EXPIRY')).out.trim()).toBe('');
  });

  it.concurrent.each([
    ['--limit', '0'],
    ['--limit', 'x'],
    ['--kind', 'DELEGATON'],
  ])('refuses %s %s', async (flag, value) => {
    const { code, err } = await home.run('log', flag, value);
    expect(code).toBe(1);
    expect(err).toContain(flag.slice(2));
  });

  it('follows the chain as other processes write, and ends with exit 0', async () => {
    const { child: process, ended } = start(['--data-dir', home.path, 'log', '--follow', '--json']);
    const lines: string[] = [];
    const saw = (text: string) =>
      new Promise<void>((resolve) => {
        process.stdout.on('data', (chunk) => {
          lines.push(String(chunk));
          if (lines.join('').includes(text)) resolve();
        });
      });
    await saw('"kind"');
    const seen = saw('followed');
    await home.run('create', '--subject', 'followed');
    await seen;
    process.kill('SIGTERM');
    const { code, out } = await ended;
    expect(code).toBe(0);
    const entries = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const numbers = entries.map((entry) => entry.sequence_number);
    expect(numbers).toEqual(numbers.map((_, index) => numbers[0] + index));
    expect(EVENT_KINDS).toContain(entries[0].event.kind);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const { child: process, ended } = start(['--data-dir', home.path, 'log', '--follow']);
    process.stdout.once('data', () => process.stdout.destroy());
    await home.run('create');
    await home.run('create');
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });
});

describe('verify and keys', () => {
  it('judge the own chain, and exit 1 where the trusted key is not its', async () => {
    const { authority, log } = await home.ask('keys');
    expect(authority).toMatch(/^did:key:z6Mk/);
    expect(log).toBe((await home.ask('log', '--limit', '1')).head.verifier_key);
    expect((await home.ask('verify', '--trust', authority)).valid).toBe(true);
    expect(await home.run('verify')).toMatchObject({ code: 0, err: '' });

    const other = installation();
    const { authority: stranger } = await other.ask('keys');
    const no = await home.run('verify', '--trust', stranger, '--json');
    expect(no.code).toBe(1);
    expect(JSON.parse(no.out)).toMatchObject({ valid: false });
    expect((await home.run('verify', '--trust', stranger)).out).toContain('authority');
    expect((await home.run('verify', '--trust', 'nobody')).code).toBe(1);
  });
});

describe('where no chain is', () => {
  const nowhere = () => join(directory(), 'misspelt');

  it('verify makes none, and does not call it well', async () => {
    const path = nowhere();
    const { code, out, err } = await run(['--data-dir', path, 'verify']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`no chain in ${path}`);
    const json = await run(['--data-dir', path, 'verify', '--json'], { env: { AGA_ARTIFACT: 'ab'.repeat(32) } });
    expect([json.code, JSON.parse(json.out).error.code]).toEqual([1, 'INVALID_REQUEST']);
    expect(existsSync(path)).toBe(false);
    // An empty folder, and keys that somebody has brought, hold none either.
    mkdirSync(path);
    expect((await run(['--data-dir', path, 'verify'])).code).toBe(1);
    expect(readdirSync(path)).toEqual([]);
  });

  it('verify finds one missing that was seen before', async () => {
    const victim = installation();
    await victim.run('create');
    for (const name of readdirSync(victim.path)) if (name.startsWith('chain.db')) rmSync(join(victim.path, name));
    const { valid, findings } = await victim.ask('verify');
    expect([valid, findings.map(({ rule }: { rule: string }) => rule)]).toEqual([false, ['authority', 'remembered']]);
  });

  it.each([['tree'], ['log'], ['agents'], ['inspect'], ['suggest'], ['export', 'ffff']])(
    '%s says that one begins, once',
    async (...args) => {
      const path = nowhere();
      const ask = () => run(['--data-dir', path, ...args]);
      const told = `There was no chain in ${path}: one begins there now.`;
      expect((await ask()).err).toContain(told);
      expect((await ask()).err).not.toContain(told);
    },
  );
});

describe('a chain that somebody changed', () => {
  it('is found by verify, with the entry, and by nothing believed', async () => {
    const victim = installation();
    await victim.run('create', '--subject', 'honest');
    const db = new DatabaseSync(join(victim.path, 'chain.db'));
    const triggers = db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all();
    for (const { name } of triggers) db.exec(`DROP TRIGGER "${String(name)}"`);
    db.exec("UPDATE entries SET entry = replace(entry, 'honest', 'forged') WHERE seq = 1");
    db.close();
    const { code, out } = await victim.run('verify', '--json');
    expect(code).toBe(1);
    const { valid, findings } = JSON.parse(out);
    expect(valid).toBe(false);
    expect(findings.map((found: { sequence_number: number }) => found.sequence_number)).toContain(1);
    expect((await victim.run('verify')).out).toContain('entry 1');
  });
});

describe('resume', () => {
  it('is for the operator, and for artifacts that there are', async () => {
    expect(await home.ask('resume', child)).toEqual({ success: true, artifact_hash: child, status: 'active' });
    expect((await home.ask('resume', child, '--artifact', child)).error.code).toBe('NOT_OPERATOR');
    expect((await home.ask('resume', 'f'.repeat(64))).error.code).toBe('ARTIFACT_NOT_FOUND');
  });
});

describe('acting under an artifact', () => {
  it('is what --artifact and AGA_ARTIFACT do, and the flag wins', async () => {
    const bound = (args: readonly string[], env: Record<string, string>) =>
      run(['--data-dir', home.path, ...args], { env });
    const refused = await bound(['create', '--json'], { AGA_ARTIFACT: child });
    expect(JSON.parse(refused.out).error.code).toBe('NOT_OPERATOR');
    const tree = await bound(['tree', '--json', '--artifact', child], { AGA_ARTIFACT: root });
    expect(JSON.parse(tree.out).artifact_hash).toBe(child);
    const above = await bound(['inspect', root, '--json'], { AGA_ARTIFACT: child });
    expect(JSON.parse(above.out).error.code).toBe('ARTIFACT_NOT_FOUND');
  });

  it.concurrent.each(['', 'garbage', '0'.repeat(64), 'A'.repeat(64)])(
    'never becomes the operator with AGA_ARTIFACT=%s',
    async (hash) => {
      const { code, out } = await run(['--data-dir', home.path, 'tree'], { env: { AGA_ARTIFACT: hash } });
      expect(code).toBe(1);
      expect(out).toBe('');
    },
  );
});
