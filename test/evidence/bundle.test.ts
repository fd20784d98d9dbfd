import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { canonicalize, type Json } from '../../src/base/canonical.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { Refusal } from '../../src/base/refusal.ts';
import type { Subject } from '../../src/evidence/bundle.ts';
import { type Question, type Report, verifyBundle } from '../../src/evidence/verify.ts';
import { KEYS, ORIGIN, START, seed } from '../kernel.ts';
import { cosign, witnessKey } from '../witness/cosign.ts';
import { buildBundle } from './build.ts';
import { resealed } from './reseal.ts';
import { type Scene, scene } from './scene.ts';

const TRUST = toDidKey(KEYS.authority.publicKey);
const HOUR = 3_600_000;

let s: Scene;
const texts = new Map<string, string>();

const bundleOf = async (subject: Subject): Promise<string> =>
  (await buildBundle(s.store, subject, KEYS.log, s.k.clock.now)).text;
const judged = (text: string | Uint8Array, question: Partial<Question> = {}): Promise<Report> =>
  verifyBundle(text, { trust: TRUST, ...question });
/** Every finding as `sequence rule`. */
const found = ({ integrity, containment, conduct }: Report): string[] =>
  [integrity, containment, conduct].flatMap(({ findings }) =>
    findings.map(({ sequence_number, rule }) => `${sequence_number ?? '*'} ${rule}`),
  );

beforeAll(async () => {
  s = await scene();
  for (const name of ['boss', 'lead', 'worker', 'sibling', 'helper'] as const)
    texts.set(name, await bundleOf({ artifact_hash: s[name] }));
});

describe('a bundle', () => {
  it('of any artifact is good, proves what it can, and says what it cannot', async () => {
    for (const [name, text] of texts) {
      const report = await judged(text, { at: s.k.clock.now });
      expect([name, found(report)]).toEqual([name, []]);
      expect(report.valid).toBe(true);
      expect(report.not_proven.length).toBeGreaterThan(4);
    }
    const [whole, part] = [await judged(texts.get('boss')!), await judged(texts.get('worker')!)];
    expect(whole.not_proven.join()).not.toMatch(/left out|shared with others/);
    expect(part.not_proven.join()).toMatch(/9 of 26 entries are not here/);
    expect(part.not_proven.join()).toMatch(/max_children, call limits, keys banned elsewhere/);
  });

  it('holds the lineage and the subtree, and never a sibling', async () => {
    const { entries, lineage } = JSON.parse(texts.get('worker')!);
    expect(lineage).toEqual([s.boss, s.lead, s.worker]);
    expect(entries[0].event.kind).toBe('GENESIS');
    for (const stranger of [s.sibling, s.helper]) expect(texts.get('worker')).not.toContain(stranger);
    expect(texts.get('lead')).toContain(s.helper);
    expect(texts.get('lead')).not.toContain(s.sibling);
    // What the lead did itself is nobody's below it.
    expect(texts.get('worker')).not.toContain('LEASE_SUBSET_VIOLATION');
    expect(texts.get('worker')).toContain('"kind":"ENROLLMENT"');
  });

  it('of a run of entries carries what came before and bears on it', async () => {
    const text = await bundleOf({ first: 9, last: 22 });
    expect(found(await judged(text))).toEqual([]);
    const numbers = JSON.parse(text).entries.map(({ sequence_number }: { sequence_number: number }) => sequence_number);
    expect(numbers.slice(0, 6)).toEqual([0, 1, 2, 3, 5, 6]);
    await expect(bundleOf({ first: 9, last: 26 })).rejects.toThrow(/26 entries/);
    await expect(bundleOf({ first: 9, last: 8 })).rejects.toThrow(Refusal);
  });

  it('of an artifact that never was is refused like one that nobody may see', async () => {
    for (const hash of ['0'.repeat(64), 'no hash at all'])
      await expect(bundleOf({ artifact_hash: hash })).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
  });

  it('can be made after revocation, after expiry, and after the state has forgotten the artifact', async () => {
    const old = await scene();
    await old.k.call('aga_revoke_artifact', { artifact_hash: old.boss, reason: 'over' });
    for (const after of [0, 3 * HOUR, 30 * 24 * HOUR]) {
      old.k.clock.now += after;
      await old.k.call('aga_create_artifact', { subject: 'other' });
      const { text } = await buildBundle(old.store, { artifact_hash: old.worker }, KEYS.log, old.k.clock.now);
      expect(found(await judged(text))).toEqual([]);
      expect(text).toContain('"reason":"over"');
    }
  });

  it('is one document in RFC 8785 form, whatever stands in it', async () => {
    for (const text of texts.values()) expect(canonicalize(JSON.parse(text))).toBe(text);
  });
});

describe('the verifier', () => {
  it('believes nobody but the pinned authority, and the log key where one is given', async () => {
    const text = texts.get('lead')!;
    const stranger = toDidKey(signer(seed('stranger')).publicKey);
    expect(found(await judged(text, { trust: stranger }))).toEqual(['0 authority']);
    expect(found(await judged(text, { trust: 'did:key:nonsense' }))).toEqual(['0 authority']);
    const { log } = JSON.parse(text).keys;
    expect(found(await judged(text, { logKey: log }))).toEqual([]);
    expect(found(await judged(text, { logKey: log.replace('+', 'x+') }))).toEqual(['0 log_key']);
  });

  it('refuses what is dated later than the time of judging, beyond what clocks differ', async () => {
    const text = texts.get('lead')!;
    expect(found(await judged(text, { at: s.k.clock.now - 5 * 60_000 }))).toEqual([]);
    expect(found(await judged(text, { at: s.k.clock.now - 5 * 60_000 - 1 }))).toEqual(['* future']);
  });

  it('judges argument rules where the arguments are shown', async () => {
    const text = texts.get('worker')!;
    const blind = await judged(text);
    const shown = await judged(text, { disclosed: [s.disclosed, { path: '/etc/passwd' }] });
    expect(blind.not_proven.join()).toMatch(/2 decisions about arguments/);
    expect(blind.not_proven.join()).toMatch(/1 decision in the name of an artifact above/);
    expect(shown.not_proven.join()).not.toMatch(/decisions? about arguments/);
    expect(found(shown)).toEqual([]);
  });

  it('asks for k of n witnesses', async () => {
    const { log } = JSON.parse(texts.get('lead')!).keys;
    const witnesses = ['w1', 'w2', 'w3'].map((name) => ({ name: `${name}.example`, key: signer(seed(name)) }));
    const keys = witnesses.map(({ name, key }) => witnessKey(name, key.publicKey));
    const text = resealed(texts.get('lead')!, (bundle) => {
      const note = bundle.checkpoint.slice(0, bundle.checkpoint.indexOf('\n\n') + 1);
      const lines = witnesses.slice(0, 2).map(({ name, key }) => cosign(note, name, START / 1000, key));
      return { ...bundle, checkpoint: bundle.checkpoint + lines.join('') };
    });
    expect(log.startsWith(ORIGIN)).toBe(true);
    expect(found(await judged(text, { witnesses: { keys, quorum: 2 } }))).toEqual([]);
    expect(found(await judged(text, { witnesses: { keys, quorum: 3 } }))).toEqual(['* witnesses']);
    expect(found(await judged(text, { witnesses: { keys: [keys[0]!, keys[0]!], quorum: 2 } }))).toEqual([
      '* witnesses',
    ]);
    const bare = texts.get('lead')!;
    expect(found(await judged(bare, { witnesses: { keys, quorum: 1 } }))).toEqual(['* witnesses']);
    expect((await judged(text, { witnesses: { keys, quorum: 2 } })).not_proven.join()).not.toMatch(/witness/);
  });

  it('never throws, whatever it is given', async () => {
    const odd = [
      '',
      'null',
      '[]',
      '{}',
      '{"type":"aga-bundle/v1"}',
      '"x"',
      '\u0000',
      '{"receipts":[],"merkle_root":""}',
    ];
    for (const text of odd) expect((await judged(text)).valid).toBe(false);
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        expect((await judged(JSON.stringify(value))).valid).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

/** Every place of a JSON value, with what else could stand there. */
function* changes(value: Json): Generator<Json> {
  if (typeof value === 'string') {
    yield `${value}0`;
    if (value !== '') yield flipped(value);
  } else if (typeof value === 'number') yield value + 1;
  else if (typeof value === 'boolean') yield !value;
  else if (value === null) yield '';
  else if (isList(value)) {
    for (const [i, item] of value.entries()) {
      yield value.toSpliced(i, 1);
      yield value.toSpliced(i, 0, item);
      if (i > 0) yield [...value.slice(0, i - 1), item, value[i - 1]!, ...value.slice(i + 1)];
      for (const other of changes(item)) yield value.with(i, other);
    }
  } else {
    yield { ...value, extra: 1 };
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _, ...rest } = value;
      yield rest;
      for (const other of changes(member)) yield { ...value, [name]: other };
    }
  }
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const flipped = (text: string): string => {
  const at = Math.floor(text.length / 2);
  const other = text[at] === 'a' ? 'b' : 'a';
  return text.slice(0, at) + other + text.slice(at + 1);
};

describe('no byte of a bundle is free', () => {
  it('every change of every value, every removal, addition, repetition and exchange is found', async () => {
    const text = texts.get('sibling')!;
    let tried = 0;
    for (const other of changes(JSON.parse(text))) {
      const changed = canonicalize(other);
      if (changed === text) continue;
      tried += 1;
      if ((await judged(changed)).valid) expect.fail(`passed: ${changed}`);
    }
    expect(tried).toBeGreaterThan(400);
  });

  it('every flipped bit, every cut and every added byte is found', async () => {
    const bytes = new TextEncoder().encode(texts.get('sibling')!);
    for (let at = 0; at < bytes.length; at += 3) {
      const other = bytes.slice();
      other[at] = other[at]! ^ (1 << (at % 8));
      if ((await judged(other)).valid) expect.fail(`passed: a flipped bit at ${at}`);
    }
    for (const cut of [1, 10, 100, bytes.length - 1]) expect((await judged(bytes.slice(0, -cut))).valid).toBe(false);
    for (const more of [' ', '\n', '\0', '{}']) {
      expect((await judged(new Uint8Array([...bytes, ...new TextEncoder().encode(more)]))).valid).toBe(false);
      expect((await judged(new Uint8Array([...new TextEncoder().encode(more), ...bytes]))).valid).toBe(false);
    }
    expect(found(await judged(` ${texts.get('sibling')!}`))).toEqual(['* canonical_form']);
    expect(found(await judged(`\uFEFF${texts.get('sibling')!}`))).toContain('* json');
  });
});
