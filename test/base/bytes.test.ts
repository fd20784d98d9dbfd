import { base58, base64, base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as digest from '#digest';
import { fromDidKey, toDidKey } from '../../src/base/did-key.ts';
import * as node from '../../src/base/digest.node.ts';
import * as portable from '../../src/base/digest.portable.ts';
import { signer } from '../../src/base/ed25519.node.ts';
import { fromBase64, fromBase64url, fromHex, toBase64, toBase64url, toHex } from '../../src/base/encoding.ts';
import { formatInstant, parseInstant } from '../../src/base/instant.ts';

describe('encodings', () => {
  test('round trip, and agreement with an independent implementation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(toBase64(bytes)).toBe(base64.encode(bytes));
        expect(toBase64url(bytes)).toBe(base64urlnopad.encode(bytes));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes);
      }),
    );
  });

  test('one spelling: what decodes at all encodes back to itself', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.string({ unit: fc.constantFrom(...'AQgw/+-_=09az \n\u0100\u0141'), maxLength: 8 }),
    );
    fc.assert(
      fc.property(text, (each) => {
        for (const [decode, encode] of [
          [fromHex, toHex],
          [fromBase64, toBase64],
          [fromBase64url, toBase64url],
        ] as const) {
          const bytes = decode(each);
          if (bytes !== undefined) expect(encode(bytes)).toBe(each);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['AB', '0', 'a', '0g', ' 00', '00 ', '0\u0130', '0x00'])('not hexadecimal: %j', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });

  test.each(['A', 'AA', 'AA=', 'AB==', 'AAB=', 'AA==\n', 'A A=', '=AAA', 'AA==AAAA', '====', '_-==', 'AAAAA==='])(
    'not base64: %j',
    (text) => {
      expect(fromBase64(text)).toBeUndefined();
    },
  );

  test.each(['A', 'AB', 'AAB', 'AA==', '+A', '/w', 'AA\n', 'AAAAA'])('not base64url: %j', (text) => {
    expect(fromBase64url(text)).toBeUndefined();
  });
});

describe('SHA-256', () => {
  test.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('FIPS 180-4: %j', (text, hex) => {
    for (const { sha256, sha256Hex } of [digest, node, portable]) {
      expect(sha256Hex(text)).toBe(hex);
      expect(toHex(sha256(new TextEncoder().encode(text)))).toBe(hex);
    }
  });

  test('the variants agree on bytes and on text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' })), (data) => {
        expect(node.sha256(data)).toEqual(portable.sha256(data));
        expect(node.sha256Hex(data)).toBe(portable.sha256Hex(data));
      }),
    );
  });

  test('a result is a plain array that owns its bytes', () => {
    const first = node.sha256('a');
    const copy = first.slice();
    for (let i = 0; i < 100; i++) node.sha256(`${i}`);
    expect(first).toEqual(copy);
    expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
  });
});

describe('did:key', () => {
  // Example of the did:key method's specification.
  const text = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
  const hex = '2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6';

  test('the published example', () => {
    expect(toHex(fromDidKey(text)!)).toBe(hex);
    expect(toDidKey(fromHex(hex)!)).toBe(text);
  });

  test('every key comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const { publicKey } = signer(seed);
        expect(fromDidKey(toDidKey(publicKey))).toEqual(publicKey);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['another method', text.replace('did:key', 'did:web')],
    ['upper case', text.replace('did', 'DID')],
    ['another multibase', text.replace(':z', ':u')],
    ['a letter outside base58', text.replace('XgB', 'X0B')],
    ['a letter outside ASCII', text.replace('XgB', 'X\u0142B')],
    ['one letter less', text.slice(0, -1)],
    ['one letter more', `${text}1`],
    ['a leading 1', text.replace(':z', ':z1')],
    ['a fragment', `${text}#${text.slice(8)}`],
    ['white space', ` ${text}`.slice(0, text.length)],
    ['X25519', 'did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc'],
    ['nothing', ''],
  ])('refused: %s', (_, each) => {
    expect(fromDidKey(each)).toBeUndefined();
  });

  test('keys that no signature can be valid under have no text', () => {
    const bad = [
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
      new Uint8Array(31).fill(9),
      new Uint8Array(33).fill(9),
    ];
    for (const key of bad) expect(() => toDidKey(key)).toThrow(TypeError);
    for (const key of bad)
      expect(fromDidKey(`did:key:z${base58.encode(Uint8Array.of(0xed, 1, ...key))}`)).toBeUndefined();
  });
});

describe('instants', () => {
  test('round trip over the years that have four digits', () => {
    const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: last }), (ms) => {
        expect(parseInstant(formatInstant(ms))).toBe(ms);
      }),
    );
    for (const ms of [last + 1, -62_167_219_200_001, Number.NaN, Number.POSITIVE_INFINITY, 9e15])
      expect(() => formatInstant(ms)).toThrow(TypeError);
  });

  test('a leap day', () => {
    expect(parseInstant('2028-02-29T00:00:00.000Z')).toBe(Date.UTC(2028, 1, 29));
  });

  test.each([
    '2026-02-29T00:00:00.000Z',
    '2026-02-30T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-00-01T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T23:59:60.000Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.00Z',
    '2026-01-01T00:00:00.0000Z',
    '2026-01-01T00:00:00.000z',
    '2026-01-01 00:00:00.000Z',
    '2026-01-01T00:00:00.000+00:00',
    '2026-01-01T00:00:00.000Z\n',
    '+002026-01-01T00:00:00.000Z',
    '2026-1-1T00:00:00.000Z',
    '２026-01-01T00:00:00.000Z',
    '',
  ])('refused: %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
