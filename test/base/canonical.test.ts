import canonicalizeOracle from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalize } from '../../src/base/canonical.ts';
import { parseStrict } from '../../src/base/strict-json.ts';
import { listVectors, readVector, vectorTest } from '../vectors.ts';

const nested = (depth: number): unknown => {
  let value: unknown = [];
  for (let i = 1; i < depth; i++) value = i % 2 ? { a: value } : [value];
  return value;
};

/** An object with an own member of that name, which a literal cannot write. */
const own = (name: string, value: unknown): object => Object.fromEntries([[name, value]]);

vectorTest('jcs', 'the published RFC 8785 cases come out byte for byte', () => {
  const inputs = listVectors('jcs/input/*.json');
  expect(inputs).toHaveLength(6);
  for (const input of inputs) {
    const expected = new TextDecoder().decode(readVector(input.replace('/input/', '/output/')));
    expect(canonicalize(parseStrict(readVector(input))), input).toBe(expected);
  }
});

describe('what RFC 8785 says', () => {
  test.each([
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ 10: 1, 9: 2, a: 3 }, '{"10":1,"9":2,"a":3}'],
    [{ x: { 2: 0, 10: 0 } }, '{"x":{"10":0,"2":0}}'],
    [[{ 1: 'a', '01': 'b' }], '[{"01":"b","1":"a"}]'],
    [{ '\u{1f600}': 1, '\ufb33': 2 }, '{"\u{1f600}":1,"\ufb33":2}'],
    [-0, '0'],
    [1e21, '1e+21'],
    [Number('333333333.33333329'), '333333333.3333333'],
    [4.5e-7, '4.5e-7'],
    ['\u20ac$\u000f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    ['\\ud800', '"\\\\ud800"'],
    ['A\u030a', '"A\u030a"'],
    [own('__proto__', { b: 1, a: null }), '{"__proto__":{"a":null,"b":1}}'],
    [Object.assign(Object.create(null), { b: [], a: true }), '{"a":true,"b":[]}'],
    [own('toJSON', 'a name like any other'), '{"toJSON":"a name like any other"}'],
    [null, 'null'],
  ])('%j', (value, expected) => {
    expect(canonicalize(value)).toBe(expected);
  });

  test('more names than the small sort takes', () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${(i * 37) % 100}`);
    const text = canonicalize(Object.fromEntries(names.map((name) => [name, 0])));
    expect(text).toBe(
      `{${names
        .toSorted()
        .map((name) => `"${name}":0`)
        .join()}}`,
    );
  });
});

describe('what is not JSON is refused, never repaired', () => {
  class Point {
    x = 1;
  }
  class List extends Array<number> {}
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const values: Record<string, unknown> = {
    undefined: undefined,
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    bigint: 1n,
    symbol: Symbol('s'),
    function: () => 1,
    Map: new Map([['a', 1]]),
    Date: new Date(0),
    bytes: new Uint8Array(2),
    instance: new Point(),
    'array subclass': List.from([1]),
    'array with toJSON': Object.assign([1], { toJSON: () => 'x' }),
    'object with toJSON': { toJSON: () => 'x' },
    hole: new Array(1),
    'boxed string': Object('x'),
    cycle,
    'lone high surrogate': '\ud800',
    'lone low surrogate': 'a\udc00b',
  };
  const places: ((value: unknown) => unknown)[] = [
    (value) => value,
    (value) => [0, value],
    (value) => ({ a: 1, b: value }),
    // A name that takes the slower path.
    (value) => ({ 1: 0, b: [{ c: value }] }),
  ];

  test.each(Object.entries(values))('%s', (_, value) => {
    for (const place of places) expect(() => canonicalize(place(value))).toThrow(TypeError);
  });

  test('a lone surrogate in a name', () => {
    for (const place of places) expect(() => canonicalize(place({ '\udfff': 1 }))).toThrow(TypeError);
  });

  test('nesting: 64 is the last depth', () => {
    for (const place of [(value: unknown) => value, (value: unknown) => ({ 1: 0, b: value })]) {
      const outer = place(0) === 0 ? 0 : 1;
      expect(() => canonicalize(place(nested(64 - outer)))).not.toThrow();
      expect(() => canonicalize(place(nested(65 - outer)))).toThrow(TypeError);
    }
  });
});

describe('against an independent implementation', () => {
  const name = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.nat(20).map(String),
    fc.constant('__proto__'),
    fc.constant('\\ud'),
  );
  const { value } = fc.letrec((tie) => ({
    leaf: fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constant('\\ud83d'),
    ),
    members: fc
      .uniqueArray(fc.tuple(name, tie('value')), { selector: ([key]) => key, maxLength: 6 })
      .map(Object.fromEntries),
    value: fc.oneof({ maxDepth: 4 }, tie('leaf'), fc.array(tie('value'), { maxLength: 4 }), tie('members')),
  }));

  test('the same bytes, which parse back to the same value', () => {
    fc.assert(
      fc.property(value, (json) => {
        const text = canonicalize(json);
        expect(text).toBe(canonicalizeOracle(json));
        expect(canonicalize(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
