import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as imported from '#ed25519';
import * as node from '../../src/base/ed25519.node.ts';
import * as portable from '../../src/base/ed25519.portable.ts';
import { isUsableKey, isWellFormed } from '../../src/base/ed25519-rule.ts';
import { fromHex, toHex } from '../../src/base/encoding.ts';
import { readJsonVector, vectorTest } from '../vectors.ts';

const implementations = { node, portable };
const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const both = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  const verdict = node.verify(signature, message, publicKey);
  expect(portable.verify(signature, message, publicKey)).toBe(verdict);
  return verdict;
};

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const little = (value: bigint): Uint8Array => bytes(value.toString(16).padStart(64, '0')).reverse();

/** Message, key, signature of ed25519-speccheck (Apache-2.0), cases 0 to 11: the corners on which libraries disagree. */
const SPECCHECK = [
  [
    '8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000',
  ],
  [
    '9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04',
  ],
  [
    'aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab',
    'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e',
  ],
  [
    '9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79',
    'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    '9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009',
  ],
  [
    'e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c',
    'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    '160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09',
  ],
  [
    'e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c',
    'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    '21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405',
  ],
  [
    '85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40',
    '442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623',
    'e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514',
  ],
  [
    '85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40',
    '442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623',
    '8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22',
  ],
  [
    '9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41',
    'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f',
  ],
  [
    '9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41',
    'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908',
  ],
  [
    'e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04',
  ],
  [
    '39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04',
  ],
] as const;

test('speccheck 0–11: only case 3 is valid', () => {
  expect(SPECCHECK).toHaveLength(12);
  const valid = SPECCHECK.map(([message, key, signature]) => both(bytes(signature), bytes(message), bytes(key)));
  expect(valid.map((verdict, i) => (verdict ? i : -1)).filter((i) => i !== -1)).toEqual([3]);
});

vectorTest('ed25519', 'the transcribed speccheck cases are the published ones', () => {
  const cases =
    readJsonVector<{ message: string; pub_key: string; signature: string }[]>('ed25519/speccheck_cases.json');
  expect(cases.map((each) => [each.message, each.pub_key, each.signature])).toEqual(SPECCHECK);
});

interface Wycheproof {
  testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[];
}

vectorTest('ed25519', 'Wycheproof: 151 cases, 88 valid', async () => {
  const { testGroups } = readJsonVector<Wycheproof>('ed25519/wycheproof_ed25519_test.json');
  const cases = testGroups.flatMap(({ publicKey, tests }) =>
    tests.map((each) => ({ ...each, key: bytes(publicKey.pk) })),
  );
  expect(cases).toHaveLength(151);
  expect(cases.filter(({ result }) => result === 'valid')).toHaveLength(88);
  for (const { tcId, key, msg, sig, result } of cases)
    expect(both(bytes(sig), bytes(msg), key), `case ${tcId}`).toBe(result === 'valid');
  const jobs = cases.map(({ key, msg, sig }) => ({ signature: bytes(sig), message: bytes(msg), publicKey: key }));
  const expected = cases.map(({ result }) => result === 'valid');
  expect(await node.verifyAll(jobs)).toEqual(expected);
  expect(await portable.verifyAll(jobs)).toEqual(expected);
});

describe('RFC 8032 section 7.1', () => {
  test.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('seed %s', (seed, publicKey, message, signature) => {
    for (const { signer } of Object.values(implementations)) {
      const pair = signer(bytes(seed));
      expect(toHex(pair.publicKey)).toBe(publicKey);
      expect(toHex(pair.sign(bytes(message)))).toBe(signature);
    }
    expect(both(bytes(signature), bytes(message), bytes(publicKey))).toBe(true);
  });
});

describe('both implementations agree', () => {
  const block = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const corners = ['00', '01', 'ec', 'ed', 'ee', 'ff'].flatMap((low) => [
    bytes(low + '00'.repeat(31)),
    bytes(`${low}${'ff'.repeat(30)}7f`),
    bytes(`${low}${'ff'.repeat(31)}`),
  ]);
  const half = fc.oneof(block, fc.constantFrom(...corners, ...[L - 1n, L, L + 1n].map(little)));

  test('on what an honest signer made', () => {
    fc.assert(
      fc.property(block, fc.uint8Array(), (seed, message) => {
        const pair = node.signer(seed);
        const signature = pair.sign(message);
        expect(portable.signer(seed).publicKey).toEqual(pair.publicKey);
        expect(portable.signer(seed).sign(message)).toEqual(signature);
        expect(both(signature, message, pair.publicKey)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('on one changed bit anywhere: never valid', () => {
    fc.assert(
      fc.property(block, fc.uint8Array({ minLength: 1 }), fc.nat(), (seed, message, at) => {
        const pair = node.signer(seed);
        const parts = [pair.sign(message), message.slice(), pair.publicKey.slice()] as const;
        const part = parts[at % 3]!;
        part[at % part.length]! ^= 1 << (at % 8);
        expect(both(...parts)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  test('on halves put together at random', () => {
    fc.assert(
      fc.property(half, half, half, (r, s, key) => {
        expect(both(Uint8Array.of(...r, ...s), key, key)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test('S + L is another spelling of the same signature, and refused', () => {
    const pair = node.signer(new Uint8Array(32).fill(5));
    const signature = pair.sign(bytes('00'));
    const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`);
    signature.set(little(s + L), 32);
    expect(both(signature, bytes('00'), pair.publicKey)).toBe(false);
  });

  test('wrong lengths are false, not an exception', () => {
    const pair = node.signer(new Uint8Array(32));
    const signature = pair.sign(bytes('00'));
    for (const length of [0, 1, 31, 32, 63, 65, 96]) {
      expect(both(Uint8Array.of(...signature, ...signature).slice(0, length), bytes('00'), pair.publicKey)).toBe(false);
      const key = Uint8Array.of(...pair.publicKey, ...pair.publicKey, ...pair.publicKey).slice(0, length);
      if (length !== 32) expect(both(signature, bytes('00'), key)).toBe(false);
    }
  });

  test('a seed of the wrong length is our bug', () => {
    for (const { signer } of Object.values(implementations))
      expect(() => signer(new Uint8Array(31))).toThrow(TypeError);
  });
});

describe('the rule on bytes against plain arithmetic', () => {
  const number = (encoded: Uint8Array) => BigInt(`0x${toHex(encoded.slice().reverse())}`);
  /** One y of order 8 is R of speccheck 0; the other is its negative. */
  const eight = number(bytes(SPECCHECK[0][2]).slice(0, 32)) % 2n ** 255n;
  const small = [0n, 1n, P - 1n, eight, P - eight];
  const near = [...small, P, 2n ** 255n - 1n]
    .flatMap((y) => [y - 1n, y, y + 1n])
    .filter((y) => y >= 0n && y < 2n ** 255n);

  test('keys', () => {
    for (const y of near)
      for (const sign of [0n, 2n ** 255n])
        expect(isUsableKey(little(y + sign)), `${y}`).toBe(y < P && !small.includes(y));
  });

  test('S', () => {
    const { publicKey } = node.signer(new Uint8Array(32));
    for (const s of [0n, 1n, L - 1n, L, L + 1n, 2n ** 252n, 2n ** 253n, 2n ** 256n - 1n])
      expect(isWellFormed(Uint8Array.of(...publicKey, ...little(s)), publicKey), `${s}`).toBe(s < L);
  });
});

test('many keys at once: more than are kept, every verdict right', async () => {
  const message = bytes('aa');
  const jobs = Array.from({ length: 200 }, (_, i) => {
    const pair = node.signer(createHash('sha256').update(`${i}`).digest());
    const signature = pair.sign(message);
    if (i % 3 === 0) signature[0]! ^= 1;
    return { signature, message, publicKey: pair.publicKey };
  });
  expect(await node.verifyAll(jobs)).toEqual(jobs.map((_, i) => i % 3 !== 0));
  expect(await node.verifyAll([])).toEqual([]);
});

test('the import that the product uses is the node variant here', () => {
  expect(imported.verify).toBe(node.verify);
});
