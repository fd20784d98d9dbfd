/** Lists of rules that are as long as a request may be: compared in bounded time, and what cannot be is not contained. */
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { excess, meet, parseArgumentRules, type Scope } from '../../src/scope/scope.ts';
import { scopeOf } from './make.ts';

const list = <T>(count: number, item: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => item(at));

/** `count` rules, each for `keys` arguments. */
function ruled(count: number, keys: number, rule: (at: number) => object, tool = (_: number) => 'a/b'): Scope {
  const rules = list(count, (at) => ({
    tool: tool(at),
    arguments: Object.fromEntries(list(keys, (key) => [`/o/k${key}`, rule(at)])),
  }));
  return scopeOf({ 'tool.call': ['**'] }, { argument_rules: parseArgumentRules(rules) });
}

function timed<T>(work: () => T): T {
  const began = performance.now();
  const answer = work();
  expect(performance.now() - began).toBeLessThan(3_000);
  return answer;
}

const objects = list(256, (a) => ({ a }));
const hostile: readonly (readonly [string, Scope, Scope])[] = [
  ['short rules', ruled(256, 128, (at) => ({ max_bytes: at })), ruled(256, 128, (at) => ({ max_bytes: 1_000 + at }))],
  [
    'patterns',
    ruled(200, 64, (at) => ({ matches: `a${at}/*a*a*` })),
    ruled(200, 64, (at) => ({ matches: `*/*${at}` })),
  ],
  [
    'many values',
    ruled(200, 1, (at) => ({ one_of: objects, max_bytes: at })),
    ruled(200, 1, (at) => ({ one_of: objects, max_bytes: 1_000 + at })),
  ],
];

describe.each(hostile)('hostile: %s', (_, child, parent) => {
  it('are not contained, and said in few words', () => {
    const found = timed(() => excess(child, parent));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(100);
    expect(JSON.stringify(found).length).toBeLessThan(1_000_000);
  });

  it('have nothing in common that is found', () => {
    expect(() => timed(() => meet(child, parent))).toThrow(Refusal);
  });
});

it('too many to compare are said to be', () => {
  const [, child, parent] = hostile[0]!;
  expect(excess(child, parent).at(-1)?.note).toBe('too complex to decide');
});

it('honest lists are compared to their end, however long', () => {
  const tools = (at: number) => `a/t${at}`;
  const parent = ruled(256, 40, () => ({ max_bytes: 9, any: true }), tools);
  const child = ruled(256, 40, () => ({ max_bytes: 8 }), tools);
  expect(timed(() => excess(child, parent))).toEqual([]);
  expect(timed(() => meet(child, parent)).argument_rules).toHaveLength(256);
  const wider = ruled(256, 40, (at) => ({ max_bytes: at === 255 ? 10 : 8 }), tools);
  expect(timed(() => excess(wider, parent))).toHaveLength(40);
});
