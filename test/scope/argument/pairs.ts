/** For every kind of argument rule: rules, narrower ones by construction, and values near their edges. */
import fc from 'fast-check';
import type { Json } from '../../../src/base/canonical.ts';
import { NAME, narrowerIn, PATH, patternOf, URLS } from '../generate.ts';

export interface Sample {
  /** [parent, narrower child]: rules of one argument. */
  readonly pair: fc.Arbitrary<readonly [Rule, Rule]>;
  /** Values that the rules of `pair` may permit or refuse. */
  readonly value: fc.Arbitrary<Json>;
}

export type Rule = { readonly [kind: string]: Json };

const scalar: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  null,
  true,
  false,
  0,
  1,
  -1,
  2,
  '',
  'a',
  'b',
  'ab',
  '/ws',
  '/ws/a',
);
const value: fc.Arbitrary<Json> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'y'), scalar),
);

const decimal = fc.tuple(fc.integer({ min: -300, max: 300 }), fc.nat(2)).map(([units, scale]) => units / 10 ** scale);
const bound = (number: number): Json => (Number.isInteger(number) ? number : String(number));

const folder = fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }).map((list) => `/${list.join('/')}`);
const below = fc.tuple(folder, fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }));

export const SAMPLES: { readonly [kind: string]: Sample } = {
  any: {
    pair: fc
      .tuple(value, fc.boolean())
      .map(([json, finite]) => [{ any: true }, finite ? { equals: json } : { any: true }]),
    value,
  },
  equals: { pair: value.map((json) => [{ equals: json }, { equals: json }]), value },
  one_of: {
    pair: fc
      .uniqueArray(value, { minLength: 1, maxLength: 4, selector: (json) => JSON.stringify(json) })
      .chain((list) => fc.tuple(fc.constant(list), fc.subarray(list, { minLength: 1 })))
      .map(([all, some]) => [{ one_of: all }, some.length === 1 ? { equals: some[0]! } : { one_of: some }]),
    value,
  },
  min: {
    pair: fc.tuple(decimal, decimal).map(([a, b]) => [{ min: bound(Math.min(a, b)) }, { min: bound(Math.max(a, b)) }]),
    value: fc.oneof(decimal, value),
  },
  max: {
    pair: fc.tuple(decimal, decimal).map(([a, b]) => [{ max: bound(Math.max(a, b)) }, { max: bound(Math.min(a, b)) }]),
    value: fc.oneof(decimal, value),
  },
  max_bytes: {
    pair: fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => [{ max_bytes: a + b }, { max_bytes: a }]),
    value: fc.oneof(
      fc.array(fc.constantFrom('a', 'é', '€', '𝒳'), { maxLength: 6 }).map((list) => list.join('')),
      value,
    ),
  },
  under: {
    pair: below.map(([parent, more]) => [
      { under: parent },
      { under: `${parent === '/' ? '' : parent}/${more.join('/')}` },
    ]),
    value: fc.oneof(folder, patternOf(PATH), value),
  },
  url: {
    pair: narrowerIn(URLS).map(([parent, child]) => [{ url: parent }, { url: child }]),
    value: fc.oneof(patternOf(URLS), value),
  },
  matches: {
    pair: narrowerIn(NAME).map(([parent, child]) => [{ matches: parent }, { matches: child }]),
    value: fc.oneof(patternOf(NAME), value),
  },
  each: {
    pair: fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => [{ each: { max_bytes: a + b } }, { each: { max_bytes: a } }]),
    value: fc.oneof(fc.array(fc.constantFrom('', 'a', 'abc', 'abcdefgh', 1), { maxLength: 3 }), value),
  },
};
