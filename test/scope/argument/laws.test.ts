/** The laws that every kind of argument rule inherits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../../src/scope/argument/index.ts';
import { meetRule, rules } from '../../../src/scope/rule.ts';
import { SAMPLES } from './pairs.ts';

const RUNS = { numRuns: 150 };
const parse = (rule: unknown) => rules.parse(rule, 'rule');

it('every kind has a sample', () => {
  expect(Object.keys(SAMPLES).sort()).toEqual(KINDS.map(({ name }) => name).sort());
});

describe.each(Object.entries(SAMPLES))('%s', (_, { pair, value }) => {
  it('is within itself', () => {
    fc.assert(
      fc.property(pair, ([rule]) => {
        expect(rules.within(parse(rule), parse(rule))).toBe(true);
      }),
      RUNS,
    );
  });

  it('accepts what is narrower by construction, which permits no more', () => {
    fc.assert(
      fc.property(pair, fc.array(value, { maxLength: 8 }), ([parent, child], values) => {
        const [above, own] = [parse(parent), parse(child)];
        expect(rules.within(own, above)).toBe(true);
        for (const json of values)
          if (!rules.judge(own)(json)) expect([json, rules.judge(above)(json)]).toEqual([json, undefined]);
      }),
      RUNS,
    );
  });

  it('permits no more where it is within, for any two rules', () => {
    const others = fc.constantFrom(...Object.values(SAMPLES)).chain((sample) => sample.pair);
    fc.assert(
      fc.property(pair, others, fc.array(value, { maxLength: 8 }), ([a, b], [c], values) => {
        for (const [own, above] of [
          [a, b],
          [a, c],
          [c, a],
          [b, c],
          [{ ...b, ...c }, a],
        ].map((two) => two.map(parse))) {
          if (!rules.within(own!, above!)) continue;
          for (const json of values) if (!rules.judge(own!)(json)) expect(rules.judge(above!)(json)).toBeUndefined();
        }
      }),
      RUNS,
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(pair, pair, ([a, b], [c]) => {
        const [x, y, z] = [parse(a), parse(b), parse(c)];
        if (rules.within(x, y) && rules.within(y, z)) expect(rules.within(x, z)).toBe(true);
        if (rules.within(x, z)) expect(rules.within(y, z)).toBe(true);
      }),
      RUNS,
    );
  });

  it('comes back from its own normal form, and is said in words', () => {
    fc.assert(
      fc.property(pair, ([rule]) => {
        const parsed = parse(rule);
        expect(parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
        expect(rules.say(parsed)).toMatch(/^\w/);
      }),
      RUNS,
    );
  });

  it('refuses unknown kinds beside it', () => {
    fc.assert(
      fc.property(pair, ([rule]) => {
        for (const name of ['not', 'or', 'regex', '__proto__', 'Equals']) {
          const odd = Object.fromEntries([...Object.entries(rule), [name, 'x']]);
          expect(() => parse(odd)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
        }
      }),
      { numRuns: 5 },
    );
  });

  it('meets in what both permit', () => {
    fc.assert(
      fc.property(pair, pair, fc.array(value, { maxLength: 8 }), ([a, b], [c], values) => {
        for (const [one, other] of [
          [a, b],
          [a, c],
        ].map((two) => two.map(parse))) {
          const met = meetRule(one!, other!);
          if (!met) continue;
          for (const json of values) {
            const both = !rules.judge(one!)(json) && !rules.judge(other!)(json);
            expect([json, rules.judge(met)(json) === undefined]).toEqual([json, both]);
          }
        }
      }),
      RUNS,
    );
  });
});
