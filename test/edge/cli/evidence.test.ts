/** Evidence on the command line: written in one place, verified in another that has never heard of the first. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile as readText } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { toDidKey } from '../../../src/base/did-key.ts';
import { parseVerifierKey } from '../../../src/chain/checkpoint.ts';
import { openTlogConsistency, openTlogProof } from '../../../src/evidence/tlog.ts';
import { verifyBundle } from '../../../src/evidence/verify.ts';
import { buildBundle } from '../../evidence/build.ts';
import { longChain } from '../../evidence/long-chain.ts';
import { KEYS } from '../../kernel.ts';
import { directory } from '../../scratch.ts';
import { MemoryStore } from '../../store/memory.ts';
import { type Installation, installation, onTerminal, PROGRAM, run } from './cli.ts';

const STRANGER = toDidKey(signer(new Uint8Array(32).fill(7)).publicKey);
let home: Installation;
let root: string;
let child: string;
let keys: { authority: string; log: string };

beforeAll(async () => {
  home = installation();
  root = (await home.ask('create', '--subject', 'lead')).artifact_hash;
  child = (
    await home.ask(
      'delegate',
      '--parent-artifact-hash',
      root,
      '--sub-agent-id',
      'worker',
      '--permitted-tools',
      'fs/read',
    )
  ).child_artifact_hash;
  keys = await home.ask('keys');
});

/** Exports to a file elsewhere. */
async function exported(...args: readonly string[]): Promise<string> {
  const file = join(directory(), 'evidence.json');
  expect((await home.run('export', ...args, '--out', file)).code).toBe(0);
  return file;
}

describe('export', () => {
  it('writes into the data directory, or where it is told to', async () => {
    const answer = await home.ask('export', child);
    expect(answer.path.startsWith(join(home.path, 'evidence'))).toBe(true);
    expect(answer.entries).toBe(3);
    const file = await exported(child);
    expect(readFileSync(file, 'utf8').length).toBeGreaterThan(1000);
    expect((await home.run('export', child.slice(0, 8))).out).toContain('entries');
    const nowhere = await home.run('export', child, '--out', join(home.path, 'no', 'such', 'folder'));
    expect(nowhere).toMatchObject({ code: 1, out: '' });
    expect(nowhere.err).toContain('cannot be written');
  });

  it('refuses what is not there, and says how it is used', async () => {
    expect(await home.run('export', '0'.repeat(64))).toMatchObject({ code: 1 });
    for (const slip of [`${child.slice(0, 63)}F`, child.slice(0, 3), 'x'])
      expect(await home.run('export', slip)).toMatchObject({
        code: 1,
        err: expect.stringContaining('INVALID_REQUEST'),
      });
    expect(await home.run('export')).toMatchObject({ code: 2 });
    expect(await home.run('export', child, '--format', 'xml')).toMatchObject({ code: 2 });
    expect(await home.run('export', '--format', 'tlog-tiles')).toMatchObject({ code: 2 });
    const empty = await home.ask('export', child, '--format', 'governance-receipts');
    expect(empty.error.code).toBe('INVALID_REQUEST');
  });

  it.each([
    [['--entry', '1'], '--entry'],
    [['--since', '1'], '--since'],
    [['--format', 'freshness', '--since', '1'], '--since'],
    [['--format', 'tlog-proof', '--entry', '1'], 'hash'],
    [['--format', 'tlog-tiles', '--out', '/nowhere/tiles'], 'hash'],
    [['--format', 'tlog-consistency', '--since', '1'], 'hash'],
  ])('of an artifact takes no %j: it would be ignored', async (options, named) => {
    const { code, out, err } = await home.run('export', child, ...options);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(named)]);
  });

  it('speaks the formats of others', async () => {
    const { text } = await home.ask('export', child, '--format', 'freshness');
    expect(JSON.parse(text)).toMatchObject({ type: 'aga-freshness/v1', status: 'live', artifact_hash: child });
    const proof = readFileSync(await exported(child, '--format', 'tlog-proof'), 'utf8');
    expect(openTlogProof(proof, keys.log)?.sequence).toBe(2);
    expect(JSON.parse((await home.ask('export', child, '--format', 'in-toto')).text).payloadType).toContain('in-toto');
    const tiles = directory();
    expect(await home.ask('export', '--format', 'tlog-tiles', '--out', tiles)).toMatchObject({ files: 3 });
    expect(readdirSync(join(tiles, 'tile', '0'))).toEqual(['000.p']);
  });

  it('of tiles goes on where it was: what is there and right stays, the rest is written', async () => {
    const tiles = join(directory(), 'log');
    const again = () => home.ask('export', '--format', 'tlog-tiles', '--out', tiles);
    expect(await again()).toMatchObject({ files: 3, written: 3 });
    expect(await again()).toMatchObject({ files: 3, written: 0 });
    const [bundle, checkpoint] = [join(tiles, 'tile', 'entries', '000.p', '3'), join(tiles, 'checkpoint')];
    const honest = readFileSync(bundle);
    writeFileSync(bundle, honest.subarray(1));
    rmSync(checkpoint);
    expect(await again()).toMatchObject({ files: 3, written: 2 });
    expect(readFileSync(bundle)).toEqual(honest);
    writeFileSync(checkpoint, `somebody/else\n${readFileSync(checkpoint, 'utf8')}`);
    expect((await again()).error.message).toContain('another log');
  });

  it('of a run of entries, or of the whole log', async () => {
    const file = await exported('--first', '1', '--last', '1');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ subject: { first: 1, last: 1 }, entries: [{}, {}] });
    const whole = await exported('--first', '0');
    expect((await run(['verify', whole, '--trust', keys.authority])).code).toBe(0);
    expect(JSON.parse(readFileSync(whole, 'utf8')).subject).toEqual({ first: 0, last: 2 });
    const kept = await home.ask('export', '--last', '1');
    expect(kept.path).toBe(join(home.path, 'evidence', 'entries-0-1-3.json'));
    expect((await run(['verify', kept.path, '--trust', keys.authority])).code).toBe(0);
    expect((await home.run('export', '--first', '2', '--last', '99')).err).toContain('The chain has 3 entries');
    for (const odd of [
      ['--first', 'x'],
      [child, '--first', '0'],
      ['--first', '0', '--format', 'in-toto'],
    ])
      expect([odd, (await home.run('export', ...odd)).code]).toEqual([odd, 2]);
    const bound = await home.run('--artifact', child, 'export', '--first', '0', '--json');
    expect(bound).toMatchObject({ code: 1, out: expect.stringContaining('NOT_OPERATOR') });
  });

  it('into a pipe writes nothing else, and leaves nothing beside the file', async () => {
    const pipe = join(directory(), 'pipe');
    spawnSync('mkfifo', [pipe]);
    const [{ code }, piped] = await Promise.all([home.run('export', child, '--out', pipe), readText(pipe, 'utf8')]);
    expect(code).toBe(0);
    expect(JSON.parse(piped)).toMatchObject({ type: 'aga-bundle/v1' });
    const place = directory();
    const file = join(place, 'evidence.json');
    writeFileSync(file, 'what was there before');
    expect((await home.run('export', child, '--out', file)).code).toBe(0);
    expect(readdirSync(place)).toEqual(['evidence.json']);
    expect((await home.run('export', child, '--out', place)).err).toContain('is a folder');
    expect((await home.run('export', '0'.repeat(64), '--out', join(place, 'none.json'))).code).toBe(1);
    expect(readdirSync(place)).toEqual(['evidence.json']);
  });

  it('to stdout writes the evidence and nothing else, whatever stdout is, and verify reads it from there', async () => {
    const place = directory();
    const shell = (line: string) => spawnSync('sh', ['-c', line], { cwd: place, encoding: 'utf8' });
    const made = `"${process.execPath}" "${PROGRAM}" --data-dir "${home.path}" export ${child}`;
    for (const out of ['-', '/dev/stdout']) {
      const { stdout, status } = shell(`${made} --json --out ${out} | cat`);
      expect([status, JSON.parse(stdout).type]).toEqual([0, 'aga-bundle/v1']);
      // A file that stdout leads to is written on: neither it nor the system's link is replaced by another.
      const { status: done } = shell(`echo before > kept && ${made} --format freshness --out ${out} >> kept`);
      const [before, statement] = readFileSync(join(place, 'kept'), 'utf8').split('\n');
      expect([done, before, JSON.parse(statement ?? '').status]).toEqual([0, 'before', 'live']);
    }
    expect(lstatSync('/dev/stdout').isSymbolicLink()).toBe(true);
    const piped = shell(
      `${made} --out - | "${process.execPath}" "${PROGRAM}" verify - --trust ${keys.authority} --json`,
    );
    expect(JSON.parse(piped.stdout)).toMatchObject({ valid: true });
    expect(readdirSync(place)).toEqual(['kept']);
    expect(await home.run('export', '--format', 'tlog-tiles', '--out', '-')).toMatchObject({ code: 2 });
  });

  it('through a link of the system writes on, and leaves the link', async () => {
    const place = directory();
    const line = `"${process.execPath}" "${PROGRAM}" --data-dir "${home.path}" export ${child} --out /dev/fd/3 3> kept`;
    expect(spawnSync('sh', ['-c', line], { cwd: place }).status).toBe(0);
    expect(JSON.parse(readFileSync(join(place, 'kept'), 'utf8')).type).toBe('aga-bundle/v1');
    expect(readdirSync(place)).toEqual(['kept']);
  });

  it('of a bound session is its own subtree, and never the whole log', async () => {
    const bound = (...args: readonly string[]) => home.run('--artifact', child, 'export', ...args);
    expect((await bound(child)).code).toBe(0);
    expect(await bound(root, '--json')).toMatchObject({ code: 1, out: expect.stringContaining('ARTIFACT_NOT_FOUND') });
    expect(await bound('--format', 'tlog-tiles', '--out', directory(), '--json')).toMatchObject({
      code: 1,
      out: expect.stringContaining('NOT_OPERATOR'),
    });
  });
});

describe('verify FILE', () => {
  /** In an environment where no data directory has ever been. */
  async function elsewhere(...args: readonly string[]) {
    const nowhere = join(directory(), 'state');
    const ended = await run(args, {
      env: { XDG_STATE_HOME: nowhere, HOME: nowhere, AGA_DATA_DIR: join(nowhere, 'data') },
      cwd: directory(),
    });
    expect(existsSync(nowhere)).toBe(false);
    return ended;
  }

  it('needs the file and a key, and nothing else', async () => {
    const file = await exported(child);
    const good = await elsewhere('verify', file, '--trust', keys.authority);
    expect(good).toMatchObject({ code: 0, err: '' });
    expect(good.out).toMatch(/the evidence holds[\s\S]*integrity[\s\S]*containment[\s\S]*conduct[\s\S]*Not proven/);
    const json = await elsewhere('verify', file, '--trust', keys.authority, '--log-key', keys.log, '--json');
    const verdict = { valid: true, findings: [] };
    expect(JSON.parse(json.out)).toEqual({
      valid: true,
      integrity: verdict,
      containment: verdict,
      conduct: verdict,
      not_proven: expect.any(Array),
    });
  });

  it('exits 1 where anything is refused, and says what', async () => {
    const file = await exported(child);
    const forged = join(directory(), 'forged.json');
    writeFileSync(forged, readFileSync(file, 'utf8').replace('"worker"', '"master"'));
    const bad = await elsewhere('verify', forged, '--trust', keys.authority);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/the evidence is refused[\s\S]*bundle[^\n]*seal/);
    expect((await elsewhere('verify', file, '--trust', STRANGER)).out).toContain('authority');
    expect((await elsewhere('verify', file, '--trust', keys.authority, '--at', '2020-01-01T00:00:00Z')).out).toContain(
      'future',
    );
    expect(await elsewhere('verify', join(directory(), 'none.json'), '--trust', keys.authority)).toMatchObject({
      code: 1,
      out: '',
    });
  });

  it('exits 2 without a key, or with one that is none', async () => {
    const file = await exported(child);
    for (const args of [
      [],
      ['--trust', 'me'],
      ['--trust', keys.authority, '--log-key', 'x'],
      ['--trust', keys.authority, '--at', 'noon'],
      ['--trust', keys.authority, '--witness', 'w'],
      ['--trust', keys.authority, '--quorum', '1'],
    ])
      expect([args, (await elsewhere('verify', file, ...args)).code]).toEqual([args, 2]);
    const ignored = [
      ['--log-key', keys.log],
      ['--at', '2020-01-01T00:00:00Z'],
      ['--witness', 'x'],
      ['--quorum', '1'],
      ['--max-age', '5m'],
    ];
    for (const args of ignored) {
      const { code, out, err } = await home.run('verify', ...args);
      expect([code, out, err]).toEqual([2, '', expect.stringContaining(`${args[0]} is for a file`)]);
    }
    for (const args of [
      ['--artifact-hash', child],
      ['--target', 'chain'],
    ])
      expect([args, (await elsewhere('verify', file, '--trust', keys.authority, ...args)).code]).toEqual([args, 2]);
  });

  it('judges arguments that are shown', async () => {
    const file = await exported(child);
    const list = join(directory(), 'arguments.json');
    writeFileSync(list, '[{"path":"/x"}]');
    expect((await elsewhere('verify', file, '--trust', keys.authority, '--arguments', list)).code).toBe(0);
    writeFileSync(list, '{}');
    expect((await elsewhere('verify', file, '--trust', keys.authority, '--arguments', list)).code).toBe(1);
  });

  it('works after everything was revoked', async () => {
    const own = installation();
    const { artifact_hash } = await own.ask('create');
    const { authority } = await own.ask('keys');
    await own.ask('revoke', artifact_hash, '--reason', 'over', '--yes');
    const file = join(directory(), 'evidence.json');
    expect((await own.run('export', artifact_hash, '--out', file)).code).toBe(0);
    rmSync(own.path, { recursive: true });
    expect((await elsewhere('verify', file, '--trust', authority)).code).toBe(0);
  });

  it('names the page that does the same in a browser', async () => {
    const { out } = await elsewhere('verify', '--html');
    expect(readFileSync(out.trim(), 'utf8')).toContain('<title>Verify evidence</title>');
  });
});

describe('statements about the log', () => {
  it('prove any entry, and that the log has only grown', async () => {
    const proof = readFileSync(await exported('--format', 'tlog-proof', '--entry', '1'), 'utf8');
    expect(openTlogProof(proof, keys.log)?.sequence).toBe(1);
    expect((await home.run('export', '--format', 'tlog-proof', '--entry', '99')).err).toContain('no entry 99');
    expect((await home.run('export', '--format', 'tlog-proof', '--entry', 'x')).code).toBe(2);
    const own = installation();
    await own.ask('create');
    const { log } = await own.ask('keys');
    const text = async (...args: readonly string[]) => (await own.ask('export', ...args)).text;
    const known = await text('--format', 'tlog-consistency', '--since', '2');
    const before = known.slice(known.indexOf('\n\n') + 2);
    await own.ask('create');
    await own.ask('create');
    const grown = await text('--format', 'tlog-consistency', '--since', '2');
    expect(openTlogConsistency(grown, before, log)?.size).toBe(4);
    const file = await exported('--format', 'tlog-consistency', '--since', '1');
    expect(await home.run('verify', file, '--trust', keys.authority)).toMatchObject({
      code: 1,
      out: expect.stringContaining('kept its checkpoint of 1 entries'),
    });
    expect(openTlogConsistency(known, before, log)?.size).toBe(2);
    expect(openTlogConsistency(grown, before, keys.log)).toBeUndefined();
    expect(openTlogConsistency(grown.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\n'), before, log)).toBeUndefined();
    expect(openTlogConsistency(grown.replace('old 2', 'old 3'), before, log)).toBeUndefined();
    for (const since of ['0', '5'])
      expect((await own.run('export', '--format', 'tlog-consistency', '--since', since)).err).toContain('never had');
    const bound = await home.run('--artifact', child, 'export', '--format', 'tlog-proof', '--entry', '1', '--json');
    expect(bound).toMatchObject({ code: 1, out: expect.stringContaining('NOT_OPERATOR') });
  });

  it('are verified by the key of the log, and freshness by its age', async () => {
    const logKey = toDidKey(parseVerifierKey(keys.log)!.publicKey);
    const verify = (...args: readonly string[]) => run(['verify', ...args, '--json'], { cwd: directory() });
    for (const format of ['freshness', 'in-toto', 'tlog-proof']) {
      const file = await exported(child, '--format', format);
      const good = await verify(file, '--trust', logKey);
      expect([format, good.code, JSON.parse(good.out)]).toMatchObject([format, 0, { valid: true, findings: [] }]);
      expect((await verify(file, '--trust', STRANGER)).code).toBe(1);
      const byAuthority = JSON.parse((await verify(file, '--trust', keys.authority)).out);
      expect([format, byAuthority.findings[0].message]).toEqual([
        format,
        expect.stringMatching(/taken for the log's key.*--(log-key|succession)/),
      ]);
      const forged = join(directory(), 'forged');
      writeFileSync(forged, readFileSync(file, 'utf8').replace(/[0-9a-f]{8}|[A-Za-z0-9]{8}=/, 'AAAAAAA='));
      expect([format, (await verify(forged, '--trust', logKey)).code]).toEqual([format, 1]);
    }
    const fresh = await exported(child, '--format', 'freshness');
    const later = new Date(Date.now() + 600_000).toISOString();
    expect((await verify(fresh, '--trust', keys.authority, '--log-key', keys.log, '--max-age', '5m')).code).toBe(0);
    expect((await verify(fresh)).code).toBe(2);
    const old = await verify(fresh, '--trust', logKey, '--max-age', '5m', '--at', later);
    expect(JSON.parse(old.out)).toMatchObject({ valid: false, findings: [{ rule: 'age' }], says: {} });
    const other = await verify(fresh, '--trust', logKey, '--artifact-hash', root);
    expect(JSON.parse(other.out).findings).toMatchObject([{ rule: 'subject' }]);
    expect((await verify(fresh, '--trust', logKey, '--max-age', 'soon')).code).toBe(2);
    const told = await run(['verify', fresh, '--trust', logKey]);
    expect(told.out).toMatch(/statement is the log's[\s\S]*status +live/);
  });

  it('freshness under a later key of the log holds by the authority, shown how the log came to that key', async () => {
    const own = installation();
    const hash = (await own.ask('create', '--subject', 'lead')).artifact_hash;
    const at = directory();
    const file = (name: string, text: string): string => {
      writeFileSync(join(at, name), text);
      return join(at, name);
    };
    const said = async (name: string) => file(name, (await own.ask('export', hash, '--format', 'freshness')).text);
    const printed = async (name: string, kind: string) =>
      file(name, (await own.run('log', '--kind', kind, '--json')).out);
    const [first, early] = [await own.ask('keys'), await said('early')];
    const none = await printed('none', 'LOG_KEY');
    const begun = await printed('begun', 'GENESIS');
    await own.ask('keys', '--rotate');
    await own.ask('keys', '--rotate');
    const [now, late, changed] = [await own.ask('keys'), await said('late'), await printed('changed', 'LOG_KEY')];
    const bundle = join(at, 'bundle');
    expect((await own.run('export', hash, '--out', bundle)).code).toBe(0);
    const stranger = installation();
    await stranger.ask('create');
    await stranger.ask('keys', '--rotate');
    const foreign = file('foreign', (await stranger.run('log', '--kind', 'LOG_KEY', '--json')).out);
    rmSync(own.path, { recursive: true });
    const verify = async (statement: string, ...args: readonly string[]) => {
      const { code, out, err } = await run(['verify', statement, '--trust', first.authority, '--json', ...args]);
      return {
        code,
        err,
        said:
          code === 2
            ? ''
            : JSON.parse(out)
                .findings.map((each: any) => each.message)
                .join(),
      };
    };
    for (const shown of [changed, bundle]) {
      expect(await verify(late, '--succession', shown)).toEqual({ code: 0, err: '', said: '' });
      expect(await verify(late, '--succession', shown, '--log-key', first.log)).toMatchObject({ code: 0 });
      const former = await verify(early, '--succession', shown);
      expect(former).toMatchObject({ code: 1, said: expect.stringContaining(`a former key of the log, ${first.log}`) });
    }
    expect(await verify(early, '--succession', begun)).toMatchObject({ code: 0 });
    expect(await verify(late, '--succession', changed, '--log-key', now.log)).toMatchObject({ code: 0 });
    for (const [shown, why] of [
      [none, 'no change'],
      [foreign, 'no change'],
      [begun, `none of the log's keys: ${first.log}`],
    ] as const)
      expect(await verify(late, '--succession', shown)).toMatchObject({ code: 1, said: expect.stringContaining(why) });
    const plain = await verify(late);
    expect(plain).toMatchObject({ code: 1, said: expect.stringMatching(/not signed by did:key.*--succession/) });
    expect(await verify(bundle, '--succession', changed)).toMatchObject({ code: 2 });
    const wrong = await run(['verify', late, '--trust', first.authority, '--succession', late]);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('--succession names') });
  });

  it('a long bundle is judged behind a bar on a terminal, and without a word elsewhere', async () => {
    const store = new MemoryStore();
    const { root: subject, end } = await longChain(store, 5998);
    const { text } = await buildBundle(store, { artifact_hash: subject }, KEYS.log, end);
    const file = join(directory(), 'long.json');
    writeFileSync(file, text);
    const trust = toDidKey(KEYS.authority.publicKey);
    const args = ['verify', file, '--trust', trust, '--at', new Date(end).toISOString()];
    const shown = await onTerminal(args, []);
    expect(shown).toMatchObject({ code: 0, out: expect.stringMatching(/Judging the evidence: 6000 of 6000/) });
    expect(await run(args)).toMatchObject({ code: 0, err: '' });
    const told: number[] = [];
    const watch = (done: number, total: number) => void told.push(total === 6000 ? done : Number.NaN);
    expect((await verifyBundle(text, { trust, at: end, watch })).valid).toBe(true);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect([told[0], told.at(-1), told.filter((done) => done === 6000).length]).toEqual([0, 6000, 1]);
  });
});
