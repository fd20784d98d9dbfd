import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { signer } from '#ed25519';
import { fromBase64, toBase64, toHex } from '../../src/base/encoding.ts';
import { openCheckpoint, parseVerifierKey, signCheckpoint, verifierKey } from '../../src/chain/checkpoint.ts';
import { Frontier, leafHash } from '../../src/chain/tree.ts';

const ORIGIN = 'aga.example/default';
const pair = signer(Uint8Array.from({ length: 32 }, (_, i) => i));
const other = signer(new Uint8Array(32).fill(9));
const vkey = verifierKey(ORIGIN, pair.publicKey);
const tree = new Frontier();
for (const leaf of ['a', 'b', 'c']) tree.append(leafHash(leaf));
const note = signCheckpoint(ORIGIN, 3, tree.root(), pair);
const [text = '', line = ''] = note.split('\n\n').map((part, i) => (i === 0 ? `${part}\n` : part));
const encoded = line.trimEnd().split(' ')[2]!;

/** Signs any text as the known key, well-formed or not. */
const signed = (body: string) => {
  const id = fromBase64(encoded)!.slice(0, 4);
  return `${body}\n— ${ORIGIN} ${toBase64(Uint8Array.of(...id, ...pair.sign(new TextEncoder().encode(body))))}\n`;
};

test('the example in the header of checkpoint.ts is what the code makes', () => {
  const source = readFileSync(new URL('../../src/chain/checkpoint.ts', import.meta.url), 'utf8');
  const example = source.slice(source.indexOf(' * Example:'), source.indexOf(' */'));
  const lines = example.split('\n').map((each) => each.replace(/^ \* ? ? ? ? ?/, ''));
  const writtenKey = lines[lines.indexOf('') + 1]!;
  const from = lines.indexOf(ORIGIN);
  const writtenNote = lines.slice(from, from + 5).join('\n');
  expect(writtenKey).toBe(vkey);
  expect(`${writtenNote}\n`).toBe(note);
  expect(openCheckpoint(`${writtenNote}\n`, writtenKey)).toEqual({ origin: ORIGIN, size: 3, root: tree.root() });
});

test('the published example of the note format: a verifier key and its note', () => {
  // golang.org/x/mod/sumdb/note documents this key and signature.
  const key = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  expect(key).toMatchObject({ name: 'PeterNeumann', keyId: 'c74f20a3' });
  expect(verifierKey('PeterNeumann', key!.publicKey)).toBe(
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  );
});

describe('verifier keys', () => {
  test('round trip', () => {
    expect(parseVerifierKey(vkey)).toEqual({ name: ORIGIN, keyId: vkey.split('+')[1], publicKey: pair.publicKey });
  });

  const [name, id, key] = vkey.split('+') as [string, string, string];
  test.each([
    '',
    name,
    `${name}+${id}`,
    `+${id}+${key}`,
    `${name}x+${id}+${key}`,
    `${name}+${id.toUpperCase()}+${key}`,
    `${name}+00000000+${key}`,
    `${name}+${id}+${key.slice(0, -4)}`,
    `${name}+${id}+${key}\n`,
    `a b+${id}+${key}`,
    `${name}+${id}+${toBase64(Uint8Array.of(4, ...pair.publicKey))}`,
    `${name}+${id}+${toBase64(Uint8Array.of(1, ...new Uint8Array(32)))}`,
  ])('refused: %j', (malformed) => {
    expect(parseVerifierKey(malformed)).toBeUndefined();
    expect(openCheckpoint(note, malformed)).toBeUndefined();
  });

  test.each(['', 'a b', 'a+b', 'a\nb', 'a\u00a0b', 'a\u2028b', 'a\u0000b', '\ud800'])('no name: %j', (bad) => {
    expect(() => verifierKey(bad, pair.publicKey)).toThrow(TypeError);
    expect(() => signCheckpoint(bad, 0, tree.root(), pair)).toThrow(TypeError);
  });

  test('no checkpoint without a size and a root', () => {
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(() => signCheckpoint(ORIGIN, size, tree.root(), pair)).toThrow(TypeError);
    expect(() => signCheckpoint(ORIGIN, 3, tree.root().slice(1), pair)).toThrow(TypeError);
  });
});

describe('opening', () => {
  test('what was signed, whatever its size', () => {
    for (const size of [0, 1, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])
      expect(openCheckpoint(signCheckpoint(ORIGIN, size, tree.root(), pair), vkey)).toEqual({
        origin: ORIGIN,
        size,
        root: tree.root(),
      });
  });

  const stranger = `— witness.example/w ${toBase64(Uint8Array.of(1, 2, 3, 4, ...new Uint8Array(72)))}\n`;
  const sameName = signCheckpoint(ORIGIN, 3, tree.root(), other).split('\n\n')[1]!;

  test('signatures by unknown keys are skipped, before and after ours', () => {
    expect(openCheckpoint(note + stranger + sameName, vkey)).toBeDefined();
    expect(openCheckpoint(`${text}\n${stranger}${sameName}${line}`, vkey)).toBeDefined();
  });

  test('extension lines are allowed, empty ones are not', () => {
    expect(openCheckpoint(signed(`${text}extra data\n`), vkey)).toBeDefined();
    expect(openCheckpoint(signed(`${text}\nextra\n`), vkey)).toBeUndefined();
  });

  const root = toBase64(tree.root());
  const refused: Record<string, string> = {
    'no signature by the key': `${text}\n${stranger}`,
    'another key of the same name': `${text}\n${sameName}`,
    'no signature at all': `${text}\n`,
    'no empty line': text + line,
    'text changed': note.replace('\n3\n', '\n4\n'),
    'a good and a bad signature by the key': note + line.replace(/.{8}\n$/, 'AAAAAAA=\n'),
    'a signature cut short': `${text}\n— ${ORIGIN} ${toBase64(fromBase64(encoded)!.slice(0, 67))}\n`,
    'a signature line without a key id': `${note}— x AAAA\n`,
    'a hyphen for the dash': note.replace('—', '-'),
    'two spaces': note.replace('— ', '—  '),
    'a third field': note.replace(/\n$/, ' x\n'),
    'bad base64': note.replace(/=\n$/, '\n'),
    'no last line feed': note.slice(0, -1),
    'one line feed too many': `${note}\n`,
    'carriage returns': note.replaceAll('\n', '\r\n'),
    'text in front': `\n${note}`,
    'a control character, signed': signed(`${text}a\tb\n`),
    'a lone surrogate': note.replace('— aga', '— \ud800aga'),
    'a leading zero, signed': signed(`${ORIGIN}\n03\n${root}\n`),
    'a plus sign, signed': signed(`${ORIGIN}\n+3\n${root}\n`),
    'a size over the safe integers, signed': signed(`${ORIGIN}\n9007199254740992\n${root}\n`),
    'a short root, signed': signed(`${ORIGIN}\n3\n${toBase64(tree.root().slice(1))}\n`),
    'an unpadded root, signed': signed(`${ORIGIN}\n3\n${root.slice(0, -1)}\n`),
    'two lines, signed': signed(`${ORIGIN}\n3\n`),
    'another origin, signed': signed(`aga.example/other\n3\n${root}\n`),
    'no origin, signed': signed(`\n3\n${root}\n`),
    '101 signatures': note + stranger.repeat(100),
    nothing: '',
  };

  test.each(Object.entries(refused))('refused: %s', (_, malformed) => {
    expect(openCheckpoint(malformed, vkey)).toBeUndefined();
  });

  test('any changed byte is noticed', () => {
    for (let i = 0; i < note.length; i++) {
      const changed = note.slice(0, i) + String.fromCharCode(note.charCodeAt(i) ^ 1) + note.slice(i + 1);
      expect(openCheckpoint(changed, vkey), `at ${i}`).toBeUndefined();
    }
  });

  test('the key of another log', () => {
    expect(openCheckpoint(note, verifierKey(ORIGIN, other.publicKey))).toBeUndefined();
    expect(openCheckpoint(note, verifierKey('aga.example/other', pair.publicKey))).toBeUndefined();
  });
});

test('the key id is what the specification says', async () => {
  const typed = Uint8Array.of(...new TextEncoder().encode(`${ORIGIN}\n`), 1, ...pair.publicKey);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', typed));
  expect(vkey.split('+')[1]).toBe(toHex(digest.slice(0, 4)));
});
