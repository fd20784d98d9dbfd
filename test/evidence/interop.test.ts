/** The same chain in the formats of others: transparency-log tools, supply-chain tools, enforcement points that are offline. */
import { beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { toDidKey } from '../../src/base/did-key.ts';
import { toHex } from '../../src/base/encoding.ts';
import { openCheckpoint, verifierKey } from '../../src/chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../../src/chain/cosignature.ts';
import { leafHash } from '../../src/chain/tree.ts';
import { judgeFreshness } from '../../src/evidence/freshness.ts';
import { openEnvelope, PREDICATE } from '../../src/evidence/in-toto.ts';
import { openTlogProof, readResource, tileFiles, tlogProof } from '../../src/evidence/tlog.ts';
import { attest } from '../../src/tools/attest.ts';
import { as, KEYS, kernel, ORIGIN, refusal, seed } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';
import { batchAfter } from '../store/rows.ts';
import { cosign, witnessKey } from '../witness/cosign.ts';
import { type Scene, scene } from './scene.ts';

const VKEY = verifierKey(ORIGIN, KEYS.log.publicKey);
const LOG = toDidKey(KEYS.log.publicKey);
let s: Scene;

beforeAll(async () => {
  s = await scene();
});

const made = async (format: string, artifact_hash: string, caller = s.k.operator): Promise<string> =>
  String((await s.k.service.call(attest, { artifact_hash, format }, caller)).text);

describe('tlog-proof', () => {
  it('carries an entry that the log with that key has, and nothing else opens', async () => {
    for (const sequence of [0, 5, 25]) {
      const text = await tlogProof(s.store, sequence);
      const opened = openTlogProof(text, VKEY)!;
      expect(opened.sequence).toBe(sequence);
      expect(JSON.parse(opened.entry).sequence_number).toBe(sequence);
      const forged = [
        text.replace(`index ${sequence}`, `index ${sequence + 1}`),
        text.replace('index', 'index '),
        text.replace('extra e', 'extra f'),
        text.replace('@v1', '@v2'),
        text.slice(0, -2),
        `\n${text}`,
      ];
      for (const other of forged) expect(openTlogProof(other, VKEY)).toBeUndefined();
      expect(openTlogProof(text, verifierKey(ORIGIN, signer(seed('x')).publicKey))).toBeUndefined();
    }
    expect(await refusal(tlogProof(s.store, 26))).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(openTlogProof(await made('tlog-proof', s.worker), VKEY)!.sequence).toBe(5);
  });
});

describe('tlog-tiles', () => {
  /** A log of so many entries that nobody has to understand. */
  async function logOf(size: number): Promise<MemoryStore> {
    const store = new MemoryStore();
    for (let left = size, head = null as Parameters<typeof batchAfter>[0]; left > 0; left -= 200) {
      const batch = batchAfter(
        head,
        Array.from({ length: Math.min(left, 200) }, () => ({})),
      );
      await store.commit(size - left, () => batch);
      head = batch.head;
    }
    return store;
  }

  it('has the files that the specification counts for a tree of 70,000 entries, seen from its paths', async () => {
    const paths = [
      'tile/0/x001/000',
      'tile/0/273.p/112',
      'tile/1/000',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
      'tile/entries/273.p/112',
    ];
    const nodes = async (level: number, first: number, count: number) =>
      Array.from({ length: Math.max(0, Math.min(count, Math.floor(70_000 / 2 ** level) - first)) }, () =>
        '00'.repeat(32),
      );
    const read = async () => ({ rows: [], head: { size: 70_000, entry_hash: '', checkpoint: 'note' } });
    const found = await Promise.all(paths.map((path) => readResource({ nodes, read }, path)));
    expect(found.map((bytes) => bytes?.length)).toEqual([undefined, 112 * 32, 8192, 17 * 32, 32, 0]);
    for (const path of [
      'tile/1/002',
      'tile/0/273',
      'tile/0/273.p/113',
      'tile/0/0273',
      'tile/0/x000/001',
      'tile/64/000',
      'tile/00/000',
      'tile/0/000.p/256',
      'tile/0/000.p/0',
      'tile/0/',
      'x',
      '',
    ]) {
      expect([path, await readResource({ nodes, read }, path)]).toEqual([path, undefined]);
    }
  });

  it('gives a folder in which every entry is found under its leaf, and a server the same bytes', async () => {
    const store = await logOf(600);
    const files = new Map<string, Uint8Array>();
    for await (const { path, bytes } of tileFiles(store)) files.set(path, bytes);
    expect([...files.keys()]).toEqual([
      'tile/0/000',
      'tile/entries/000',
      'tile/0/001',
      'tile/entries/001',
      'tile/0/002.p/88',
      'tile/entries/002.p/88',
      'tile/1/000.p/2',
      'checkpoint',
    ]);
    for (const [path, bytes] of files) expect([path, await readResource(store, path)]).toEqual([path, bytes]);
    const leaves = files.get('tile/0/002.p/88')!;
    const bundle = files.get('tile/entries/002.p/88')!;
    let at = 0;
    for (let i = 0; i < 88; i++) {
      const length = (bundle[at]! << 8) | bundle[at + 1]!;
      const entry = bundle.slice(at + 2, at + 2 + length);
      expect(toHex(leafHash(entry))).toBe(toHex(leaves.slice(32 * i, 32 * i + 32)));
      at += 2 + length;
    }
    expect(at).toBe(bundle.length);
  });
});

describe('in-toto', () => {
  it('is a DSSE envelope by the log key around the lineage', async () => {
    const text = await made('in-toto', s.worker);
    const statement = openEnvelope(text, LOG) as any; // a test reads members of it
    expect(statement).toMatchObject({
      predicateType: PREDICATE,
      subject: [{ name: 'worker', digest: { sha256: s.worker } }],
    });
    expect(statement.predicate.lineage.map(({ subject }: { subject: string }) => subject)).toEqual([
      'boss',
      'lead',
      'worker',
    ]);
    expect(statement.predicate.enrollments).toHaveLength(1);
    expect(openCheckpoint(statement.predicate.checkpoint, VKEY)?.size).toBe(26);
    expect(openEnvelope(text, toDidKey(KEYS.authority.publicKey))).toBeUndefined();
    expect(openEnvelope(text.replace('in-toto+json', 'other+json'), LOG)).toBeUndefined();
    expect(openEnvelope(text.replace('"payload":"e', '"payload":"f'), LOG)).toBeUndefined();
    expect(openEnvelope('{}', LOG)).toBeUndefined();
  });

  it('and the other statements are for those who may see the artifact', async () => {
    for (const format of ['in-toto', 'tlog-proof', 'freshness']) {
      await expect(made(format, s.worker, as(s.lead))).resolves.toContain('');
      await expect(made(format, s.boss, as(s.lead))).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
      await expect(made(format, '0'.repeat(64))).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
    }
  });
});

describe('freshness', () => {
  const demand = (changes: object = {}) => ({
    artifactHash: s.worker,
    logKey: VKEY,
    at: s.k.clock.now,
    maxAge: 60_000,
    ...changes,
  });
  const rules = (text: string, changes: object = {}): string[] =>
    judgeFreshness(text, demand(changes)).findings.map(({ rule }) => rule);

  it('says that an artifact is live, for as long as the enforcement point lets it', async () => {
    const text = await made('freshness', s.worker);
    const { now } = s.k.clock;
    expect(rules(text)).toEqual([]);
    expect(rules(text, { at: now + 60_000 })).toEqual([]);
    expect(rules(text, { at: now + 60_001 })).toEqual(['age']);
    expect(rules(text, { at: now - 300_001 })).toEqual(['future']);
    expect(rules(text, { seen: 26 })).toEqual([]);
    expect(rules(text, { seen: 27 })).toEqual(['overruled']);
    expect(rules(text, { artifactHash: s.lead })).toEqual(['subject']);
    expect(rules(text, { logKey: verifierKey(ORIGIN, signer(seed('x')).publicKey) })).toEqual(['signature']);
    expect(rules(text, { logKey: verifierKey('other', KEYS.log.publicKey) })).toEqual(['chain']);
    expect(rules(text.replace('"size":26', '"size":27'))).toEqual(['signature']);
    expect(rules(` ${text}`)).toEqual(['canonical_form']);
    expect(rules(text.replace('{', '{"x":1,'))).toEqual(['unknown_member']);
    expect(rules('')).toEqual(['json']);
  });

  it('is never as of an entry that it does not know, whatever another process writes meanwhile', async () => {
    const said: string[] = [];
    // The revocation comes before each of the reads in turn.
    for (let place = 1; place <= 4; place++) {
      const store = new MemoryStore();
      const other = kernel({ store });
      const { artifact_hash } = await other.call('aga_create_artifact', { subject: 'soon over' });
      let left = Number.POSITIVE_INFINITY;
      const slow: MemoryStore = Object.assign(Object.create(store), {
        commit: store.commit.bind(store),
        nodes: store.nodes.bind(store),
        async read(query: Parameters<MemoryStore['read']>[0]) {
          left -= 1;
          if (left === 0) await other.call('aga_revoke_artifact', { artifact_hash, reason: 'now' });
          return store.read(query);
        },
      });
      const own = kernel({ store: slow });
      const ask = () => own.service.call(attest, { artifact_hash, format: 'freshness' }, own.operator);
      await ask();
      left = place;
      const { status, log } = JSON.parse(String((await ask()).text));
      said.push(`${status} as of ${log.size}`);
    }
    expect(new Set(said)).toEqual(new Set(['revoked as of 3', 'live as of 2']));
  });

  it('says what an artifact has become', async () => {
    const { k, boss, worker } = await scene();
    const say = async (artifact_hash: string) =>
      JSON.parse(String((await k.service.call(attest, { artifact_hash, format: 'freshness' }, k.operator)).text))
        .status;
    expect(await say(worker)).toBe('live');
    await k.call('aga_revoke_artifact', { artifact_hash: boss, reason: 'over' });
    expect(await say(worker)).toBe('revoked');
    k.clock.now += 30 * 24 * 3600_000;
    expect(await say(worker)).toBe('expired');
    const fresh = kernel();
    const root = await fresh.call('aga_create_artifact', { ttl_seconds: 1 });
    fresh.clock.now += 1000;
    const late = await fresh.service.call(
      attest,
      { artifact_hash: root.artifact_hash, format: 'freshness' },
      fresh.operator,
    );
    expect(JSON.parse(String(late.text)).status).toBe('expired');
  });
});

describe('a cosignature', () => {
  it('is the one that the specification shows', () => {
    const note =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
      '\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
      '\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n';
    // The specification gives no key; its line must at least be read as what it says: the id, and the time 1679315147.
    const key = signer(seed('w'));
    const witness = { ...parseWitnessKey(witnessKey('witness.example.com/w1', key.publicKey))!, keyId: '8d66cf3f' };
    expect(cosignedAt(note, witness)).toBeUndefined();
    const text = note.slice(0, note.indexOf('\n\n') + 1);
    const ours = `${text}\n${cosign(text, 'witness.example.com/w1', 1_679_315_147, key)}`;
    const own = parseWitnessKey(witnessKey('witness.example.com/w1', key.publicKey))!;
    expect(cosignedAt(ours, own)).toBe(1_679_315_147);
    expect(cosignedAt(ours.replace('20852163', '20852164'), own)).toBeUndefined();
    expect(parseWitnessKey(verifierKey('w', key.publicKey))).toBeUndefined();
    expect(parseWitnessKey('w+00000000+AAAA')).toBeUndefined();
  });
});
