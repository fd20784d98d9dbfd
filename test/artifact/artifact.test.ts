import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base58 } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#digest';
import { signer, verify } from '#ed25519';
import { isAuthentic, open, seal, signatureOf, toJson } from '../../src/artifact/artifact.ts';
import { breaches, type Held, rootBreaches } from '../../src/artifact/lineage.ts';
import { canonicalize, type Json } from '../../src/base/canonical.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import * as portable from '../../src/base/ed25519.portable.ts';
import { fromBase64url, toBase64url } from '../../src/base/encoding.ts';
import { Refusal } from '../../src/base/refusal.ts';
import { parseStrict } from '../../src/base/strict-json.ts';
import { AUTHORITY, forged, scope } from '../authority/forge.ts';
import { KEYS, START, seed } from '../kernel.ts';

type Members = { readonly [name: string]: Json };

/** The example and its hash, as the header of the format's own file has them. */
function workedExample(): { artifact: Members; hash: string } {
  const source = readFileSync(join(import.meta.dirname, '../../src/artifact/artifact.ts'), 'utf8');
  const header = source.slice(0, source.indexOf('*/')).replaceAll(/^ \*(?: |$)/gm, '');
  const [, json, hash] = /\n {4}(\{\n[\s\S]*?\n {4}\})\n\nartifact_hash ([0-9a-f]{64})\n/.exec(header) ?? [];
  return { artifact: parseStrict(json ?? '') as Members, hash: hash ?? '' };
}

const { artifact: EXAMPLE, hash: EXAMPLE_HASH } = workedExample();

function refused(value: Json): string {
  try {
    open(value);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'INVALID_REQUEST') return error.message;
    throw error;
  }
  throw new Error('the artifact was opened');
}

const without = (value: Members, name: string): Members =>
  Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));

/** A copy in which the member at this path is another. */
function put(value: Json, [name, ...more]: readonly string[], by: Json): Json {
  if (name === undefined) return by;
  const members = value as Members; // the paths of the tests lead through objects
  return { ...members, [name]: put(members[name] ?? null, more, by) };
}

describe('the worked example', () => {
  it('verifies as its comment says, by both implementations and step by step', () => {
    const { signature, ...unsigned } = EXAMPLE;
    const key = signer(Uint8Array.from({ length: 32 }, (_, index) => index + 1));
    expect(EXAMPLE.authority).toBe(toDidKey(key.publicKey));
    const message = new TextEncoder().encode(canonicalize(unsigned));
    const bytes = fromBase64url(String(signature))!;
    expect(verify(bytes, message, key.publicKey)).toBe(true);
    expect(portable.verify(bytes, message, key.publicKey)).toBe(true);
    expect(toBase64url(key.sign(message))).toBe(signature);
    expect(sha256Hex(canonicalize(EXAMPLE))).toBe(EXAMPLE_HASH);
  });

  it('is opened, found authentic and lawful, and sealed again to the same bytes', () => {
    const sealed = open(EXAMPLE);
    expect(sealed.hash).toBe(EXAMPLE_HASH);
    expect(isAuthentic(sealed)).toBe(true);
    expect(rootBreaches(sealed, String(EXAMPLE.authority))).toEqual([]);
    const { signature: _, type: __, issuer: ___, ...draft } = sealed.artifact;
    const again = seal(draft, signer(Uint8Array.from({ length: 32 }, (_, index) => index + 1)));
    expect(canonicalize(toJson(again))).toBe(canonicalize(EXAMPLE));
    expect(again.hash).toBe(EXAMPLE_HASH);
  });

  it('lists its members in the order of the contract, all of them', () => {
    expect(Object.keys(EXAMPLE)).toEqual(
      'type authority parent depth issuer holder subject purpose nonce issued_at expires_at scope terms delegation signature'.split(
        ' ',
      ),
    );
  });
});

/** Every object of the format: the path to it. */
const OBJECTS: readonly (readonly string[])[] = [[], ['scope'], ['terms'], ['delegation']];
const at = (path: readonly string[]): Members =>
  path.reduce<Json>((value, name) => (value as Members)[name]!, EXAMPLE) as Members;
const MEMBERS = OBJECTS.flatMap((path) => Object.keys(at(path)).map((name) => [...path, name]));
/** Whose null means something. */
const NULLABLE = ['parent', 'holder', 'terms.preset', 'terms.budget_mode'];
const kindOf = (value: Json): string | null => (value === null ? null : Array.isArray(value) ? 'array' : typeof value);
const ALIENS: readonly Json[] = [true, 0, 1.5, '', 'x', [], [1], {}, { a: 1 }];

describe('an artifact from outside', () => {
  it.each(MEMBERS.map((path) => [path.join('.'), path] as const))('must have %s, of its type', (name, path) => {
    const [parent, own] = [path.slice(0, -1), at(path)];
    refused(put(EXAMPLE, parent, without(at(parent), path.at(-1)!)));
    // What is of the same type is judged by its value, below.
    const same = NULLABLE.includes(name) ? [null, 'string'] : [kindOf(own)];
    for (const alien of [null, ...ALIENS]) if (!same.includes(kindOf(alien))) refused(put(EXAMPLE, path, alien));
  });

  it.each(OBJECTS.map((path) => [path.join('.') || 'the artifact', path] as const))(
    'holds nothing unknown in %s',
    (_, path) => {
      for (const name of ['extra', 'Type', '', 'constructor', 'toString', '__proto__']) {
        const grown = Object.defineProperty({ ...at(path) }, name, { value: 1, enumerable: true });
        refused(put(EXAMPLE, path, grown));
      }
    },
  );

  it('is an object', () => {
    for (const value of [null, true, 1, 'x', [], [EXAMPLE], canonicalize(EXAMPLE)]) refused(value);
  });

  const key = KEYS.authority.publicKey;
  const multikey = (bytes: Uint8Array): string => `did:key:z${base58.encode(Uint8Array.of(0xed, 0x01, ...bytes))}`;
  const smallOrder = multikey(new Uint8Array(32));
  const notCanonical = multikey(new Uint8Array(32).fill(0xff));
  const WRONG: readonly (readonly [string, Json])[] = [
    ['type', 'aga-artifact/v2'],
    ['type', 'AGA-ARTIFACT/V1'],
    ...['authority', 'issuer', 'holder'].flatMap((name) => [
      [name, AUTHORITY.toUpperCase()] as const,
      [name, ` ${AUTHORITY}`] as const,
      [name, `${AUTHORITY}#key`] as const,
      [name, AUTHORITY.slice('did:key:'.length)] as const,
      [name, AUTHORITY.replace('z6Mk', 'z6LS')] as const,
      [name, `did:key:u${toBase64url(key)}`] as const,
      [name, smallOrder] as const,
      [name, notCanonical] as const,
      [name, multikey(key.slice(0, 31))] as const,
      [name, 'did:web:example.com'] as const,
    ]),
    ['parent', 'F'.repeat(64)],
    ['parent', 'f'.repeat(63)],
    ['parent', `${'f'.repeat(64)}\n`],
    ['depth', -1],
    ['depth', 0.5],
    ['depth', 33],
    ['depth', 2 ** 53],
    ['subject', 'line\nbreak'],
    ['subject', 'bell\u0007'],
    ['subject', 'next\u0085line'],
    ['subject', 'evil\u202egnp.exe'],
    ['subject', 'half\ud800'],
    ['subject', 'x'.repeat(129)],
    ['purpose', ''],
    ['purpose', 'x'.repeat(1025)],
    ['nonce', 'A'.repeat(21)],
    ['nonce', 'A'.repeat(23)],
    ['nonce', `${'A'.repeat(22)}==`],
    ['nonce', `${'A'.repeat(21)}B`],
    ['nonce', `${'A'.repeat(21)}+`],
    ...['issued_at', 'expires_at'].flatMap((name) =>
      [
        '2026-11-20T10:00:00Z',
        '2026-11-20T10:00:00.000000Z',
        '2026-11-20T10:00:00.000+00:00',
        '2026-11-20T10:00:00.000z',
        '2026-11-20 10:00:00.000Z',
        '2026-02-30T10:00:00.000Z',
        '2026-11-20T24:00:00.000Z',
        '+012026-11-20T10:00:00.000Z',
        '1795168803000',
      ].map((time) => [name, time] as const),
    ),
    ['terms.min_binding', 'operator'],
    ['terms.min_binding', 'Handle'],
    ['terms.budget_mode', 'both'],
    ['terms.preset', ''],
    ['terms.preset', 'x'.repeat(65)],
    ['terms.preset', 'a\nb'],
    ['delegation.max_depth', -1],
    ['delegation.max_depth', 33],
    ['delegation.max_depth', 1.5],
    ['delegation.max_children', -1],
    ['delegation.max_children', 100_001],
    ['delegation.max_children', 1e21],
    ['scope.permissions', { 'made.up': ['x'] }],
    ['scope.permissions', { 'tool.call': 'x' }],
    ['scope.permissions', { 'tool.call': [1] }],
    ['scope.permissions', { 'tool.call': ['b', 'a'] }],
    ['scope.permissions', { 'tool.call': ['a', 'a'] }],
    ['scope.permissions', { 'tool.call': ['a//b'] }],
    ['scope.permissions', { 'fs.read': ['relative'] }],
    ['scope.permissions', { 'fs.read': ['/a/../b'] }],
    ['scope.permissions', { 'cost.budget': ['USD:5.00'] }],
    ['scope.permissions', { 'cost.budget': ['USD:1', 'USD:2'] }],
    ['scope.permissions', { 'cost.budget': ['USD:-1'] }],
    ['scope.permissions', { 'cost.budget': ['USD:1e3'] }],
    ['scope.enforcement_triggers', ['TERMINATE', 'ALERT_ONLY']],
    ['scope.enforcement_triggers', ['ALERT_ONLY', 'ALERT_ONLY']],
    ['scope.enforcement_triggers', ['SHOUT']],
    ['scope.measurement_types', ['SBOM', 'CONTAINER_IMAGE']],
    ['scope.measurement_types', ['sbom']],
    ['scope.limits', { calls: 0.5 }],
    ['scope.limits', { calls: -1 }],
    ['scope.limits', { hours: 1 }],
    ['scope.argument_rules', [{ tool: 'a/b' }]],
    ['scope.argument_rules', [{ tool: 'a/b', arguments: { x: { not: 1 } } }]],
    ['signature', 'A'.repeat(85)],
    ['signature', 'A'.repeat(87)],
    ['signature', `${'A'.repeat(86)}==`],
    ['signature', `${'A'.repeat(85)}B`],
  ];

  it('has no member that is refused for nothing', () => {
    expect(multikey(key)).toBe(AUTHORITY);
    open(put(EXAMPLE, ['holder'], multikey(key)));
  });

  it.each(WRONG)('is refused with %s %j', (path, value) => {
    expect(refused(put(EXAMPLE, path.split('.'), value))).toMatch(/\S/);
  });

  it('is told what is wrong without being quoted at length', () => {
    for (const [value, said] of [
      [{ ...(EXAMPLE as object), more: 1 }, 'it has unknown members: more.'],
      [7, 'it must be an object, not a number.'],
      [put(EXAMPLE, ['depth'], 'x'), 'depth: must be a number, not text.'],
      [put(EXAMPLE, ['parent'], 'X'), 'parent: not a SHA-256 in lower-case hex.'],
      [put(EXAMPLE, ['terms', 'preset'], 7), 'terms.preset: must be text, not a number.'],
    ] as const)
      expect(refused(value)).toBe(`Not an artifact: ${said}`);
    const message = refused(put(EXAMPLE, ['subject'], 'secret'.repeat(100)));
    expect(message).toContain('subject');
    expect(message).not.toContain('secret');
  });
});

describe('a signature', () => {
  const other: { readonly [path: string]: Json } = {
    authority: toDidKey(KEYS.log.publicKey),
    parent: 'f'.repeat(64),
    depth: 1,
    issuer: toDidKey(KEYS.log.publicKey),
    holder: toDidKey(KEYS.log.publicKey),
    subject: 'research-leaf',
    purpose: 'Quarterly report',
    nonce: 'BAECAwQFBgcICQoLDA0ODw',
    issued_at: '2026-11-20T10:00:00.001Z',
    expires_at: '2026-11-20T11:00:00.001Z',
    'scope.permissions': { 'agent.delegate': ['*', '*@*'], 'tool.call': ['filesystem/**'] },
    'scope.argument_rules': [{ tool: 'a/b', arguments: { x: { any: true } } }],
    'scope.limits': { calls: 1 },
    'scope.enforcement_triggers': [],
    'scope.measurement_types': ['SBOM'],
    'terms.preset': 'sandboxed',
    'terms.min_binding': 'bearer',
    'terms.budget_mode': 'pool',
    'delegation.max_depth': 4,
    'delegation.max_children': 33,
  };

  it('covers every member', () => {
    const covered = MEMBERS.map((path) => path.join('.')).filter(
      (path) => !['type', 'signature', 'scope', 'terms', 'delegation'].includes(path),
    );
    expect(Object.keys(other).sort()).toEqual(covered.sort());
    for (const [path, value] of Object.entries(other)) {
      const changed = open(put(EXAMPLE, path.split('.'), value));
      expect([path, isAuthentic(changed), changed.hash === EXAMPLE_HASH]).toEqual([path, false, false]);
    }
  });

  it('with any bit changed, or of another message, is none', () => {
    const sealed = open(EXAMPLE);
    const { signature, message, publicKey } = signatureOf(sealed);
    for (let bit = 0; bit < 512; bit++) {
      const flipped = signature.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(verify(flipped, message, publicKey)).toBe(false);
      expect(isAuthentic(open({ ...EXAMPLE, signature: toBase64url(flipped) }))).toBe(false);
    }
    expect(isAuthentic(open({ ...EXAMPLE, signature: 'A'.repeat(86) }))).toBe(false);
  });

  it('is not made good by adding the order of the group to S', () => {
    const bytes = fromBase64url(String(EXAMPLE.signature))!;
    const L = 2n ** 252n + 27742317777372353535851937790883648493n;
    let s = 0n;
    for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(bytes[i]!);
    s += L;
    for (let i = 32; i < 64; i++, s >>= 8n) bytes[i] = Number(s & 255n);
    expect(isAuthentic(open({ ...EXAMPLE, signature: toBase64url(bytes) }))).toBe(false);
  });

  it('found good once is not believed of another artifact that looks alike', () => {
    const good = open(EXAMPLE);
    expect(isAuthentic(good)).toBe(true);
    expect(isAuthentic({ ...good, artifact: { ...good.artifact, subject: 'x' } })).toBe(false);
  });
});

describe('any artifact that is sealed', () => {
  const label = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => !/\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/u.test(text) && text.isWellFormed());
  const root = forged(open(EXAMPLE), { parent: null, depth: 0 });
  const drafts = fc.record({
    subject: label,
    purpose: label,
    depth: fc.nat(32),
    delegation: fc.record({ max_depth: fc.nat(32), max_children: fc.nat(100_000) }),
    terms: fc.record({
      preset: fc.option(label),
      min_binding: fc.constantFrom('handle', 'bearer', 'hook', 'process', 'proof' as const),
      budget_mode: fc.constantFrom('slice' as const, 'pool' as const, null),
    }),
    scope: fc.subarray(['a/b', 'c/*', '**']).map((tools) => scope({ 'tool.call': tools })),
  });

  it('is opened again as it was, from its text, under the same hash', () => {
    fc.assert(
      fc.property(drafts, (changes) => {
        const sealed = forged(root, changes);
        const opened = open(parseStrict(canonicalize(toJson(sealed))));
        expect(opened).toEqual(sealed);
        expect(isAuthentic(opened)).toBe(true);
        // Equal scopes are one object, whoever made them.
        expect(opened.artifact.scope).toBe(sealed.artifact.scope);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the rules of a lineage', () => {
  const holder = signer(seed('holder'));
  const root = forged(open(EXAMPLE), {
    parent: null,
    depth: 0,
    scope: scope({ 'tool.call': ['a/**'], 'agent.delegate': ['sub-*'] }),
  });
  const held: Held = {
    hash: root.hash,
    parent: null,
    depth: 0,
    expires: START + 3600_000,
    maxDepth: 2,
    minBinding: 'hook',
    scope: root.artifact.scope,
    holder: toDidKey(holder.publicKey),
  };
  const good = {
    subject: 'sub-one',
    expires_at: new Date(held.expires).toISOString(),
    scope: scope({ 'tool.call': ['a/b'] }, { enforcement_triggers: [] }),
    terms: { preset: null, min_binding: 'hook' as const, budget_mode: null },
    delegation: { max_depth: 1, max_children: 1 },
  };
  const broken = (changes: Parameters<typeof forged>[1], signed = KEYS.authority, parent = held): string[] =>
    breaches(forged(root, { ...good, ...changes }, signed), parent, AUTHORITY).map(
      ({ rule, code }) => `${rule} ${code}`,
    );

  it('hold for a child by the authority, and for one by the holder', () => {
    expect(broken({})).toEqual([]);
    expect(broken({}, holder)).toEqual([]);
    expect(broken({}, holder, { ...held, holder: null })).toEqual(['issuer INVALID_REQUEST']);
  });

  it.each<[Parameters<typeof forged>[1], readonly string[]]>([
    [{ authority: toDidKey(holder.publicKey) }, ['authority INVALID_REQUEST']],
    [{ parent: 'f'.repeat(64) }, ['parent INVALID_REQUEST']],
    [{ parent: null }, ['parent INVALID_REQUEST']],
    [{ depth: 0 }, ['depth INVALID_REQUEST']],
    [{ depth: 2 }, ['depth INVALID_REQUEST']],
    [{ subject: 'other' }, ['agent.delegate PERMISSION_DENIED']],
    [{ delegation: { max_depth: 2, max_children: 1 } }, ['max_depth DEPTH_EXCEEDED']],
    [{ scope: scope({ 'tool.call': ['**'] }, { enforcement_triggers: [] }) }, ['scope LEASE_SUBSET_VIOLATION']],
    [{ scope: scope({ 'fs.read': ['/a'] }, { enforcement_triggers: [] }) }, ['scope LEASE_SUBSET_VIOLATION']],
    [{ terms: { preset: null, min_binding: 'bearer', budget_mode: null } }, ['min_binding LEASE_SUBSET_VIOLATION']],
    [{ expires_at: new Date(held.expires + 1).toISOString() }, ['expires_at LEASE_SUBSET_VIOLATION']],
    [{ expires_at: new Date(START).toISOString() }, ['expires_at INVALID_REQUEST']],
  ])('%j breaks exactly %j', (changes, expected) => {
    expect(broken(changes)).toEqual(expected);
  });

  it('are all reported, not only the first', () => {
    const parent = { ...held, maxDepth: 0 };
    const wide = {
      depth: 7,
      parent: null,
      scope: scope({ 'tool.call': ['**'] }),
      expires_at: '2030-01-01T00:00:00.000Z',
    };
    expect(broken(wide, signer(seed('stranger')), parent).map((each) => each.split(' ')[0])).toEqual([
      'parent',
      'depth',
      'issuer',
      'max_depth',
      'max_depth',
      'scope',
      'expires_at',
    ]);
  });

  it('ask a root for its authority only', () => {
    const asRoot = (changes: Parameters<typeof forged>[1], signed = KEYS.authority): string[] =>
      rootBreaches(forged(root, { parent: null, depth: 0, ...changes }, signed), AUTHORITY).map(({ rule }) => rule);
    expect(asRoot({})).toEqual([]);
    expect(asRoot({ parent: 'f'.repeat(64) })).toEqual(['parent']);
    expect(asRoot({ depth: 1 })).toEqual(['parent']);
    expect(asRoot({}, holder)).toEqual(['issuer']);
    expect(asRoot({ authority: toDidKey(holder.publicKey) }, holder)).toEqual(['issuer']);
  });
});
