import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { type JsonLimits, parseStrict } from '../../src/base/strict-json.ts';
import { listVectors, readVector, vectorTest } from '../vectors.ts';

function refused(input: Uint8Array | string, limits?: JsonLimits): boolean {
  try {
    parseStrict(input, limits);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'INVALID_REQUEST') return true;
    throw error;
  }
}

const bytes = (...values: number[]) => Uint8Array.from(values);

vectorTest('json/test_parsing', 'JSONTestSuite: 318 files', () => {
  const files = listVectors('json/test_parsing/*.json').map((path) => path.slice('json/test_parsing/'.length));
  expect(files).toHaveLength(318);
  const accepted = files.filter((file) => !refused(readVector(`json/test_parsing/${file}`)));
  const kind = (letter: string) => files.filter((file) => file.startsWith(`${letter}_`));
  expect(kind('y').filter((file) => !accepted.includes(file))).toEqual([
    'y_object_duplicated_key.json',
    'y_object_duplicated_key_and_value.json',
  ]);
  expect(kind('y')).toHaveLength(95);
  expect(kind('n')).toHaveLength(188);
  expect(kind('n').filter((file) => accepted.includes(file))).toEqual([]);
  expect(kind('i')).toHaveLength(35);
  expect(kind('i').filter((file) => accepted.includes(file))).toEqual([
    'i_number_double_huge_neg_exp.json',
    'i_number_real_underflow.json',
    'i_number_too_big_neg_int.json',
    'i_number_too_big_pos_int.json',
    'i_number_very_big_negative_int.json',
  ]);
});

describe('refused', () => {
  test.each([
    ['the same name twice', '{"a":"b","a":"c"}'],
    ['the same name and value twice', '{"a":"b","a":"b"}'],
    ['a duplicate spelt with an escape', '{"a":1,"\\u0061":2}'],
    ['a duplicate deep inside', '[{"x":[{"a":1,"b":{"c":0},"a":2}]}]'],
    ['a duplicate that hides what the first one held', '{"a":{"b":1,"c":2},"a":0}'],
    ['a duplicate with an escaped quote', '{"\\"":1,"\\"":2}'],
    ['a duplicate with backslashes', '{"\\\\":1,"\\\\":2}'],
    ['a duplicate of integer-like names', '{"1":1,"1":2}'],
    ['a duplicate with space before the colon', '{"a" \t\r\n:1,"a"\n:2}'],
    ['three times', '{"a":1,"a":2,"a":3}'],
    ['__proto__', '{"__proto__":{"admin":true}}'],
    ['__proto__ in disguise', '{"\\u005f_proto__":1}'],
    ['a lone surrogate', '"\\ud800"'],
    ['a lone surrogate in a name', '{"\\udc00":1}'],
    ['surrogates in the wrong order', '["\\udc00\\ud800"]'],
    ['a number over the range', '[1e400]'],
    ['a negative number over the range', '[-1e400]'],
    ['a byte-order mark', '\ufeff{}'],
    ['nothing', ''],
    ['white space', ' \n'],
    ['two values', '{}{}'],
    ['a comment', '{}//'],
    ['NaN', 'NaN'],
    ['a raw line feed in a string', '"a\nb"'],
    ['65 arrays', '['.repeat(65) + ']'.repeat(65)],
    ['100,000 arrays', '['.repeat(100_000)],
    ['100,000 closed arrays', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['a lone surrogate in text', '"\ud800"'],
  ])('%s', (_, text) => {
    expect(refused(text)).toBe(true);
    if (text.isWellFormed()) expect(refused(new TextEncoder().encode(text))).toBe(true);
  });

  test.each([
    ['a byte-order mark', bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ['UTF-16', bytes(0xff, 0xfe, 0x5b, 0, 0x5d, 0)],
    ['an overlong slash', bytes(0x22, 0xc0, 0xaf, 0x22)],
    ['a surrogate in UTF-8', bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ['a cut sequence', bytes(0x22, 0xe2, 0x82, 0x22)],
    ['no bytes', bytes()],
  ])('bytes: %s', (_, input) => {
    expect(refused(input)).toBe(true);
  });

  test('a message never quotes the input', () => {
    for (const text of ['{"token":"lt-secret",', '{"lt-secret":1,"lt-secret":2}', '["lt-secret\\ud800"]'])
      expect(() => parseStrict(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('lt-secret') }),
      );
  });

  test.each(['{"id":9007199254740993}', '["9007199254740992 \\"", -9223372036854775807]', '[1000000000000000000001]'])(
    'an integer that would be rounded, where it is asked for: %s',
    (text) => {
      expect(refused(text, { exact: true })).toBe(true);
      expect(refused(text)).toBe(false);
    },
  );

  test('size, counted in bytes of UTF-8', () => {
    expect(refused('"aaaa"', { maxBytes: 6 })).toBe(false);
    expect(refused('"aaaaa"', { maxBytes: 6 })).toBe(true);
    expect(refused('"éé"', { maxBytes: 6 })).toBe(false);
    expect(refused('"éé"', { maxBytes: 5 })).toBe(true);
    expect(refused(new TextEncoder().encode('"éé"'), { maxBytes: 5 })).toBe(true);
    expect(refused(`"${'a'.repeat(1 << 20)}"`)).toBe(true);
    expect(refused(`"${'a'.repeat(1 << 20)}"`, { maxBytes: 10 << 20 })).toBe(false);
  });
});

describe('accepted', () => {
  test.each([
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"constructor":1,"toString":2,"":3,"10":4,"9":5}',
    '["{\\"a\\":1,\\"a\\":2}", "a:b", ":", "\\\\", "\\\\\\""]',
    '{"\\"":1,"\\\\":2,"\\\\\\"":3}',
    '["\\ud83d\\ude00"]',
    '[-0,1e-400,1E+2]',
    '[9007199254740992,-9007199254740992,1152921504606846976,1152921504606847000,1000000000000000000000]',
    '["9007199254740993",6.02214076e23,1e300,9007199254740993.5,{"9007199254740993":1e16}]',
    ' \t\r\n[ ] ',
    `${'['.repeat(64)}${']'.repeat(64)}`,
  ])('%s', (text) => {
    expect(parseStrict(text, { exact: true })).toEqual(JSON.parse(text));
    expect(parseStrict(new TextEncoder().encode(text))).toEqual(JSON.parse(text));
  });

  test('a bound on depth can be tighter', () => {
    expect(refused('[[1]]', { maxDepth: 2 })).toBe(false);
    expect(refused('[[[]]]', { maxDepth: 2 })).toBe(true);
  });
});

describe('laws', () => {
  const json = fc.json({ maxDepth: 5 }).filter((text) => !text.includes('__proto__'));

  test('what JSON.stringify writes is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(json, (text) => {
        expect(parseStrict(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('an integer that is read is written again as the same number, and what JavaScript writes is read', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (value) => {
        const text = String(value);
        const isSame = String(Number(value)) === text || BigInt(Number(value)) === value;
        expect(refused(text, { exact: true })).toBe(!isSame);
        expect(refused(JSON.stringify(Number(value)), { exact: true })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('repeating any member of any object is noticed', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
    const arbitrary = fc.tuple(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), json, fc.nat(), json);
    fc.assert(
      fc.property(arbitrary, ([names, value, pick, wrap]) => {
        const members = names.map((each) => `${JSON.stringify(each)}: ${value}`);
        expect(refused(`[${wrap},{${members.join()}}]`)).toBe(false);
        members.splice(pick % names.length, 0, `${JSON.stringify(names[pick % names.length])}:${wrap}`);
        expect(refused(`[${wrap},{${members.join()}}]`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('it never throws anything but the refusal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' })), (input) => void refused(input)),
      { numRuns: 500 },
    );
  });
});
