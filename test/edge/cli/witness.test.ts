/** Witnesses as an operator meets them: commands, a server beside them, evidence that a stranger asks a quorum of. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openCheckpoint } from '../../../src/chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../../../src/chain/cosignature.ts';
import { openTlogProof } from '../../../src/evidence/tlog.ts';
import { directory } from '../../scratch.ts';
import { type StrictWitness, strictWitness } from '../../witness/strict-witness.ts';
import { type Installation, installation, run, start } from './cli.ts';

let home: Installation;
let w: StrictWitness[];
let root: string;
let keys: { authority: string; log: string };

beforeEach(async () => {
  home = installation();
  w = await Promise.all(['one', 'two', 'three'].map((name) => strictWitness(`witness.example/${name}`)));
  root = (await home.ask('create', '--subject', 'lead')).artifact_hash;
  keys = await home.ask('keys');
});
afterEach(async () => {
  await Promise.all(w.map((each) => each.close()));
});

const trusted = (): void => {
  for (const each of w) each.trust(keys.log);
};
/** As `witness add` writes it. */
const addAll = (): void => {
  const witnesses = w.map(({ url, key }) => ({ url, key }));
  writeFileSync(join(home.path, 'witnesses.json'), JSON.stringify({ witnesses }), { mode: 0o600 });
};
const delegate = () =>
  home.ask('delegate', '--parent-artifact-hash', root, '--sub-agent-id', 'a', '--permitted-tools', 'fs/read');
const quorum = (count: number, known = w): string[] => [
  ...known.flatMap(({ key }) => ['--witness', key]),
  '--quorum',
  String(count),
];

const VERIFIERS = join(import.meta.dirname, '../../../verifiers/python');
/** Exit code of the second verifier for the same question; undefined where there is no Python. */
function bySecond(asked: readonly string[]): number | undefined {
  const { status, error } = spawnSync('python3', ['-m', 'aga_verify', ...asked], { cwd: VERIFIERS });
  return error ? undefined : (status ?? -1);
}

describe('witness', () => {
  it('is pinned with its key, and says what its operator needs', async () => {
    const [first] = w as [StrictWitness, ...StrictWitness[]];
    const added = await home.run('witness', 'add', `${first.url}/`, '--key', first.key);
    expect(added).toMatchObject({ code: 0, err: '' });
    for (const told of [keys.log, keys.log.split('+')[0], 'witness sync']) expect(added.out).toContain(told);
    expect(statSync(join(home.path, 'witnesses.json')).mode & 0o777).toBe(0o600);
    expect(await home.ask('witness', 'add', first.url, '--key', first.key)).toMatchObject({
      success: true,
      added: false,
    });
    expect((await home.ask('witness', 'list')).witnesses).toEqual([
      { url: first.url, key: first.key, name: first.name, cosigned: null, at: null, behind: 2, foreign: false },
    ]);
    expect((await home.run('witness', 'list')).out).toContain('has cosigned nothing yet');
    expect(await home.ask('witness', 'remove', first.url)).toEqual({ success: true, url: first.url, key: first.key });
    expect((await home.run('witness', 'list')).out).toContain('There is no witness');
    expect(await home.ask('witness', 'remove', first.url)).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });

  it('is refused where its place or its key is not one, in words', async () => {
    const [{ url, key }, second] = w as [StrictWitness, StrictWitness];
    const no = async (...args: readonly string[]) => (await home.ask('witness', 'add', ...args)).error;
    expect(await no('http://witness.example', '--key', key)).toMatchObject({
      message: expect.stringContaining('https'),
    });
    expect(await no(url, '--key', keys.log)).toMatchObject({ message: expect.stringContaining('key of a log') });
    expect(await no(url, '--key', 'x+00000000+BgAA')).toMatchObject({ message: expect.stringContaining('key') });
    const mldsa = `w+00000000+${Buffer.alloc(1313, 6).toString('base64')}`;
    expect(await no(url, '--key', mldsa)).toMatchObject({ message: expect.stringContaining('ML-DSA-44') });
    await home.ask('witness', 'add', url, '--key', key);
    expect(await no(url, '--key', second.key)).toMatchObject({ message: expect.stringContaining('another key') });
    expect(await no(second.url, '--key', key)).toMatchObject({ message: expect.stringContaining('counts once') });
    expect(await home.ask('witness', 'add', 'http://witness.example', '--key', second.key, '--insecure')).toMatchObject(
      {
        added: true,
      },
    );
  });

  it('without what it needs is a matter of usage', async () => {
    const withoutKey = await home.run('witness', 'add', 'https://witness.example');
    expect(withoutKey).toMatchObject({ code: 2, out: '' });
    expect(withoutKey.err).toContain('--key NAME+ID+KEY');
    for (const args of [[], ['remove'], ['praise'], ['list', 'x']])
      expect(await home.run('witness', ...args)).toMatchObject({ code: 2, out: '' });
    expect(
      await run(['witness', 'list'], { env: { AGA_URL: 'http://127.0.0.1:1', AGA_OPERATOR_TOKEN: 'x'.repeat(22) } }),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining('unset AGA_URL'),
    });
  });

  it('is chosen by the operator alone', async () => {
    const { child_artifact_hash: child } = await delegate();
    for (const args of [['list'], ['sync'], ['remove', w[0]!.url], ['add', w[0]!.url, '--key', w[0]!.key]])
      expect(await home.ask('--artifact', child, 'witness', ...args)).toMatchObject({
        error: { code: 'NOT_OPERATOR' },
      });
    expect(existsSync(join(home.path, 'witnesses.json'))).toBe(false);
  });
});

describe('witness sync', () => {
  it('says of each what came of it, and fails where one did not cosign', async () => {
    addAll();
    w[0]!.trust(keys.log);
    const told = await home.run('witness', 'sync');
    expect(told.code).toBe(1);
    expect(told.out.split('\n').slice(0, 3)).toEqual([
      expect.stringContaining('2 entries'),
      expect.stringContaining('does not know this log'),
      expect.stringContaining('does not know this log'),
    ]);
    trusted();
    const answer = await home.ask('witness', 'sync');
    expect(answer).toMatchObject({
      success: true,
      witnesses: [{ cosigned: 2 }, { cosigned: 2 }, { cosigned: 2, trouble: null }],
    });
    await w[2]!.close();
    await delegate();
    const doctor = await home.ask('doctor');
    expect(doctor.checks.filter(({ name }: { name: string }) => name.startsWith('witness'))).toMatchObject([
      { status: 'note', message: expect.stringContaining('1 behind'), fix: expect.stringContaining('witness sync') },
      { status: 'note', message: expect.stringContaining('1 behind') },
      { status: 'note', message: expect.stringContaining('cannot be reached: ECONNREFUSED') },
    ]);
    w[2] = await strictWitness('witness.example/three');
  });

  it('is examined by doctor also where the authority has a name of its own', async () => {
    const [{ url, key }] = w as [StrictWitness, ...StrictWitness[]];
    const red = (...args: string[]) => run(['--data-dir', path, ...args, '--json'], { env: { AGA_AUTHORITY: 'red' } });
    const path = directory();
    await red('create');
    expect((await red('witness', 'add', url, '--key', key)).code).toBe(0);
    const { checks } = JSON.parse((await red('doctor')).out);
    expect(checks).toContainEqual(expect.objectContaining({ name: 'witness witness.example/one' }));
  });

  it('gives evidence that a quorum can be asked of, and evidence written later stands on it while it says the same', async () => {
    trusted();
    addAll();
    const { child_artifact_hash: child } = await delegate();
    await home.ask('witness', 'sync');
    // The chain goes on with what this artifact has no part in.
    const other = (await home.ask('create', '--subject', 'other')).artifact_hash;
    const file = join(directory(), 'evidence.json');
    const made = await home.ask('export', child, '--out', file);
    expect(openCheckpoint(made.checkpoint, keys.log)?.size).toBe(3);
    const verify = async (...args: readonly string[]) => {
      const asked = [file, '--trust', keys.authority, ...args];
      const said = await run(['verify', ...asked]);
      expect({ args, code: bySecond(asked) ?? said.code }).toEqual({ args, code: said.code });
      return said;
    };
    expect(await verify(...quorum(3))).toMatchObject({ code: 0 });
    const strangers = await Promise.all(['four', 'five'].map((name) => strictWitness(`witness.example/${name}`)));
    onTestFinished(async () => void (await Promise.all(strangers.map((each) => each.close()))));
    expect(await verify(...quorum(3, [...w, ...strangers]))).toMatchObject({ code: 0 });
    expect(await verify(...quorum(1, strangers))).toMatchObject({ code: 1, out: expect.stringContaining('0 of 2') });
    const [one] = w.map(({ key }) => key) as [string];
    const mixed = ['--witness', one, '--witness', strangers[0]!.key];
    for (const [code, args] of [
      [0, ['--witness', one]],
      [1, mixed],
      [0, [...mixed, '--quorum', '1']],
      [0, ['--witness', strangers[0]!.key, '--quorum', '0']],
      [1, ['--witness', one, '--witness', one]],
      [2, ['--witness', 'x']],
      [2, ['--witness', keys.log]],
      [2, ['--quorum', '1']],
      [2, ['--witness', one, '--quorum', '2']],
      [2, ['--witness', one, '--quorum', '-1']],
      [2, ['--witness', one, '--quorum', 'all']],
      [2, ['--log-key', one]],
    ] as const)
      expect({ args, code: (await verify(...args)).code }).toEqual({ args, code });
    // Through the tool, as an agent exports.
    const tool = await home.ask('--artifact', child, 'export', child);
    expect(openCheckpoint(tool.checkpoint, keys.log)?.size).toBe(3);
    // A proof for other tools, and a whole log.
    const proof = (await home.ask('export', child, '--format', 'tlog-proof')).text;
    expect(openTlogProof(proof, keys.log)?.sequence).toBe(2);
    for (const { key } of w)
      expect(cosignedAt(proof.slice(proof.indexOf('\n\n') + 2), parseWitnessKey(key)!)).toBeDefined();
    // What came after is not covered: the head alone will do.
    const late = await home.ask('export', other, '--out', file);
    expect(openCheckpoint(late.checkpoint, keys.log)?.size).toBe(4);
    expect(await verify(...quorum(1))).toMatchObject({ code: 1, out: expect.stringContaining('0 of 3') });
    await home.ask('witness', 'sync');
    await home.ask('export', other, '--out', file);
    expect(await verify(...quorum(3))).toMatchObject({ code: 0 });
    // A revocation belongs to the evidence, so an older checkpoint does not do.
    await home.ask('revoke', child, '--reason', 'done', '--yes');
    const revoked = await home.ask('export', child, '--out', file);
    expect(openCheckpoint(revoked.checkpoint, keys.log)?.size).toBe(5);
  });

  it('that is killed while a witness works is finished by the next one', async () => {
    trusted();
    addAll();
    // It has written the checkpoint down, and its answer is never read.
    w[0]!.answer = (_, honest) => {
      honest();
      return new Promise(() => undefined);
    };
    const killed = start(['--data-dir', home.path, 'witness', 'sync']);
    await vi.waitFor(() => expect(w[0]!.asked).toHaveLength(1), 10_000);
    killed.child.kill('SIGKILL');
    await killed.ended;
    w[0]!.answer = undefined;
    await delegate();
    expect(await home.ask('witness', 'sync')).toMatchObject({ success: true });
    expect(w[0]!.asked.slice(1)).toMatchObject([{ old: 0 }, { old: 2, size: 3 }]);
    // Killed between the answer and the end of writing: what is left of it is in nobody's way.
    writeFileSync(join(home.path, 'cosignatures.json.lock'), '');
    rmSync(join(home.path, 'cosignatures.json'));
    expect(await home.ask('witness', 'sync')).toMatchObject({ success: true });
  });

  it('finds that the chain here is an old copy, or another one', async () => {
    trusted();
    addAll();
    const backup = readFileSync(join(home.path, 'chain.db'));
    for (let i = 0; i < 3; i++) await delegate();
    await home.ask('witness', 'sync');
    for (const name of ['chain.db', 'chain.db-wal', 'chain.db-shm', 'snapshot', 'checkpoint'])
      rmSync(join(home.path, name), { force: true });
    writeFileSync(join(home.path, 'chain.db'), backup, { mode: 0o600 });
    const cut = await home.ask('witness', 'sync');
    expect(cut).toMatchObject({
      success: false,
      witnesses: [{ foreign: true, trouble: { code: 'ahead', grave: true } }, {}, {}],
    });
    for (let i = 0; i < 4; i++) await home.ask('create', '--subject', `another ${i}`);
    expect(await home.ask('witness', 'sync')).toMatchObject({
      witnesses: [{ trouble: { code: 'inconsistent' } }, {}, {}],
    });
    expect((await home.run('witness', 'list')).out).toContain('not here: the chain was cut or rewritten');
    expect(await home.ask('doctor')).toMatchObject({ ok: false });
    // Without what was kept here, the witnesses tell.
    rmSync(join(home.path, 'cosignatures.json'));
    expect(await home.ask('witness', 'sync')).toMatchObject({
      witnesses: [{ trouble: { code: 'inconsistent' } }, {}, {}],
    });
  });
});

const WAIT = { timeout: 20_000, interval: 200 };

describe('serve', () => {
  it('has every checkpoint cosigned some seconds later, and shows it', async () => {
    trusted();
    const token = 'operator-token-of-the-tests';
    const { child, ended } = start(['--data-dir', home.path, 'serve', '--http', '127.0.0.1:0'], {
      env: { AGA_OPERATOR_TOKEN: token },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const url = await new Promise<string>((resolve) => {
      let seen = '';
      child.stderr.on('data', (chunk) => {
        seen += chunk;
        const [, listening] = /listening on (\S+)/.exec(seen) ?? [];
        if (listening) resolve(listening);
      });
    });
    const get = async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return { status: response.status, text: await response.text() };
    };
    expect(await get('/checkpoint/cosigned')).toMatchObject({ status: 404 });
    // Added while it runs.
    addAll();
    await w[2]!.close();
    const from = Date.now();
    const cosigners = (text: string) => w.filter(({ key }) => cosignedAt(text, parseWitnessKey(key)!)).length;
    await vi.waitFor(async () => expect(cosigners((await get('/checkpoint')).text)).toBe(2), WAIT);
    expect(Date.now() - from).toBeLessThan(15_000);
    const { text } = await get('/checkpoint/cosigned');
    expect(cosigners(text)).toBe(2);
    const asked = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'resources/read',
        params: { uri: 'aga://chain/checkpoint' },
      }),
    });
    const answered = await asked.text();
    const { result } = JSON.parse(/^data: (.*)$/m.exec(answered)?.[1] ?? answered);
    expect(cosigners(result.contents[0].text)).toBe(2);
    expect(openCheckpoint(text, keys.log)?.size).toBe(2);
    await delegate();
    // The head moves on at once; what is cosigned stays to be had.
    expect(openCheckpoint((await get('/checkpoint')).text, keys.log)?.size).toBe(3);
    expect(openCheckpoint((await get('/checkpoint/cosigned')).text, keys.log)?.size).toBe(2);
    const { text: metrics } = await get('/metrics');
    expect(metrics).toMatch(/^aga_witness_entries\{witness="witness\.example\/one"\} [23]$/m);
    expect(metrics).toContain('aga_witness_entries{witness="witness.example/three"} 0');
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).toBe(0);
    expect(err.match(/Witness .*cannot be reached: ECONNREFUSED/g)).toHaveLength(1);
    w[2] = await strictWitness('witness.example/three');
  }, 60_000);
});
