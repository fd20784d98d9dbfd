import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/canonical.ts';
import { type ArgumentRule, denials, excess, meet, parseArgumentRules } from '../../../src/scope/scope.ts';
import { scopeOf } from '../make.ts';

type Arguments = { readonly [name: string]: Json };

const scope = (rules: unknown) => scopeOf({ 'tool.call': ['**'] }, { argument_rules: parseArgumentRules(rules) });
const ruled = (members: unknown, tool = 'fs/write') => scope([{ tool, arguments: members }]);
const verdict = (members: unknown, given: Arguments | undefined): string =>
  denials(ruled(members), { capability: 'tool.call', resource: 'fs/write', ...(given ? { arguments: given } : {}) })[0]
    ?.code ?? 'permitted';

const WRITE = { path: { under: '/workspace' }, content: { max_bytes: 4 } };
const DENIED = 'PERMISSION_DENIED';
const INVALID = 'INVALID_REQUEST';

/** [rules of the call, arguments, verdict] */
const CASES: readonly (readonly [unknown, Arguments | undefined, string])[] = [
  [WRITE, { path: '/workspace/a', content: 'four' }, 'permitted'],
  [WRITE, { path: '/workspace', content: '' }, 'permitted'],
  [WRITE, { path: '/workspace2/a', content: '' }, DENIED],
  [WRITE, { path: '/workspace/../etc', content: '' }, DENIED],
  [WRITE, { path: 'workspace/a', content: '' }, DENIED],
  [WRITE, { path: '/workspace//a', content: '' }, DENIED],
  [WRITE, { path: '/workspace/./a', content: '' }, DENIED],
  [WRITE, { path: '/workspace/a\u0000', content: '' }, DENIED],
  [WRITE, { path: '/workspace/%2e%2e/a', content: '' }, DENIED],
  [WRITE, { path: '/workspace/\u2025/etc', content: '' }, DENIED],
  [WRITE, { path: '/workspace/a', content: 'fours' }, DENIED],
  [WRITE, { path: '/workspace/a', content: '€€' }, DENIED],
  [WRITE, { path: ['/workspace/a'], content: '' }, INVALID],
  [WRITE, { path: { under: '/workspace' }, content: '' }, INVALID],
  [WRITE, { path: null, content: '' }, INVALID],
  [WRITE, { path: '/workspace/a' }, INVALID],
  [WRITE, { path: '/workspace/a', content: '', mode: 1 }, INVALID],
  [WRITE, JSON.parse('{"path":"/workspace/a","content":"","__proto__":1}'), INVALID],
  [WRITE, undefined, INVALID],
  [{}, undefined, 'permitted'],
  [{}, {}, 'permitted'],
  [{}, { a: 1 }, INVALID],
  [{ a: { any: true, optional: true } }, undefined, 'permitted'],
  [{ a: { any: true } }, { a: [{ b: null }] }, 'permitted'],
  [{ a: { any: true } }, {}, INVALID],
  [{ constructor: { any: true } }, {}, INVALID],
  [{ constructor: { any: true, optional: true } }, {}, 'permitted'],
  [{ a: { under: '/' } }, { a: '/etc' }, 'permitted'],
  [{ a: { min: 0, max: '0.1' } }, { a: 0.1 }, 'permitted'],
  [{ a: { min: 0, max: '0.1' } }, { a: 0.100_000_000_000_000_02 }, DENIED],
  [{ a: { max: 9007199254740991 } }, { a: 2 ** 53 }, DENIED],
  [{ a: { max: '1000000000000000000000' } }, { a: 1e21 }, 'permitted'],
  [{ a: { max: '1000000000000000000000' } }, { a: 1.7e308 }, DENIED],
  [{ a: { min: '0.0000001' } }, { a: 1e-7 }, 'permitted'],
  [{ a: { min: '0.0000001' } }, { a: 5e-324 }, DENIED],
  [{ a: { min: 0 } }, { a: '1' }, INVALID],
  [{ a: { equals: 1 } }, { a: 1 }, 'permitted'],
  [{ a: { equals: 1 } }, { a: true }, INVALID],
  [{ a: { equals: { x: [1], y: null } } }, { a: { y: null, x: [1] } }, 'permitted'],
  [{ a: { equals: [] } }, { a: {} }, INVALID],
  [{ a: { one_of: ['x', 1] } }, { a: 2 }, DENIED],
  [{ a: { one_of: ['x', 1] } }, { a: null }, INVALID],
  [{ a: { url: 'https://*.example.com/**' } }, { a: 'https://a.example.com/x?q' }, 'permitted'],
  [{ a: { url: 'https://*.example.com/**' } }, { a: 'https://evil.com/?.example.com' }, DENIED],
  [{ a: { url: 'https://*.example.com/**' } }, { a: 'nonsense' }, DENIED],
  [{ a: { matches: 'main' } }, { a: 'main' }, 'permitted'],
  [{ a: { matches: 'release/*' } }, { a: 'release/1/2' }, DENIED],
  [{ a: { matches: '**' } }, { a: '' }, DENIED],
  [{ a: { each: { under: '/ws' } } }, { a: ['/ws/a', '/ws/b'] }, 'permitted'],
  [{ a: { each: { under: '/ws' } } }, { a: ['/ws/a', '/etc'] }, DENIED],
  [{ a: { each: { under: '/ws' } } }, { a: ['/ws/a', ['/ws']] }, INVALID],
  [{ a: { each: { under: '/ws' } } }, { a: '/ws/a' }, INVALID],
  [{ a: { each: { each: { max: 1 } } } }, { a: [[1], []] }, 'permitted'],
  [{ '/a/b': { max: 1 } }, { a: { b: 1 } }, 'permitted'],
  [{ '/a/b': { max: 1 } }, { a: { b: 1, c: 1 } }, INVALID],
  [{ '/a/b': { max: 1 } }, { a: 1 }, INVALID],
  [{ '/a/b': { max: 1 } }, {}, INVALID],
  [{ '/a/b': { max: 1, optional: true } }, {}, 'permitted'],
  [{ '/a/b': { max: 1, optional: true } }, { a: {} }, 'permitted'],
  [{ '/a/0': { max: 1 } }, { a: [1] }, 'permitted'],
  [{ '/a/0': { max: 1 } }, { a: [1, 1] }, INVALID],
  [{ '/a/length': { max: 1 } }, { a: [] }, INVALID],
  [{ '/a~1b/c~0d': { max: 1 } }, { 'a/b': { 'c~d': 1 } }, 'permitted'],
  [{ 'a/b': { max: 1 } }, { 'a/b': 1 }, 'permitted'],
  [{ a: { any: true }, '/a/b': { max: 1 } }, { a: { b: 1, c: 2 } }, 'permitted'],
  [{ a: { any: true }, '/a/b': { max: 1 } }, { a: { b: 2 } }, DENIED],
];

describe('a call and the rules of its tool', () => {
  it.each(CASES)('%j, called with %j: %s', (members, given, expected) =>
    expect(verdict(members, given)).toBe(expected),
  );

  it('judges together what all rules of the scope say of the tool', () => {
    const both = scope([
      { tool: 'fs/*', arguments: { path: { under: '/ws' } } },
      { tool: 'fs/write', arguments: { path: { under: '/ws/a' }, content: { max_bytes: 4 } } },
    ]);
    const call = (resource: string, given: Arguments) =>
      denials(both, { capability: 'tool.call', resource, arguments: given });
    expect(call('fs/write', { path: '/ws/a/x', content: '' })).toEqual([]);
    expect(call('fs/write', { path: '/ws/b', content: '' })).toHaveLength(1);
    expect(call('fs/read', { path: '/ws/b' })).toEqual([]);
    expect(call('fs/read', { path: '/ws/b', content: '' })).toHaveLength(1);
    expect(call('git/log', { anything: 1 })).toEqual([]);
  });

  it('says which argument, and only the digest of a long value', () => {
    const say = (content: string) =>
      denials(ruled(WRITE), {
        capability: 'tool.call',
        resource: 'fs/write',
        arguments: { path: '/workspace/a', content },
      })[0]?.message;
    expect(say('fives')).toContain('"content"');
    expect(say('x'.repeat(100))).toMatch(/sha256 [0-9a-f]{64}/);
    expect(say('x'.repeat(100))).not.toContain('xxxx');
  });

  it('stays bounded on arguments of a megabyte', { retry: 2 }, () => {
    const big = ruled({
      text: { matches: `*b${'a'.repeat(300)}*b*`, max_bytes: 2_000_000 },
      list: { each: { under: '/ws' } },
      path: { under: '/ws' },
    });
    const started = performance.now();
    const given = {
      text: 'ab'.repeat(500_000),
      list: Array.from({ length: 100_000 }, () => '/ws/a'),
      path: '/a'.repeat(500_000),
    };
    expect(denials(big, { capability: 'tool.call', resource: 'fs/write', arguments: given })).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('rules that are refused', () => {
  const BAD: readonly unknown[] = [
    'x',
    [{ tool: 'a' }],
    [{ tool: 'a', arguments: {}, extra: 1 }],
    [{ tool: '/a', arguments: {} }],
    [{ tool: 'a', arguments: [] }],
    ...[
      {},
      { optional: true },
      { any: false },
      { any: true, optional: 1 },
      { min: 0.5 },
      { min: '1e3' },
      { max: '01' },
      { max: '+1' },
    ].map((rule) => [{ tool: 'a', arguments: { x: rule } }]),
    ...[
      { equals: 0.5 },
      { equals: [2 ** 53] },
      { one_of: [] },
      { one_of: 'a' },
      { max_bytes: -1 },
      { max_bytes: '1' },
      { under: 'ws' },
    ].map((rule) => [{ tool: 'a', arguments: { x: rule } }]),
    ...[
      { under: '/ws/*' },
      { under: '/ws/../x' },
      { under: '' },
      { url: 'h/*' },
      { matches: '//' },
      { each: {} },
      { each: 1 },
    ].map((rule) => [{ tool: 'a', arguments: { x: rule } }]),
    [{ tool: 'a', arguments: { x: { each: { any: true, optional: true } } } }],
    [{ tool: 'a', arguments: { '/a~2': { any: true } } }],
  ];
  it.each(BAD.map((rules) => [rules]))('%j', (rules) => {
    expect(() => parseArgumentRules(rules)).toThrow(expect.objectContaining({ code: INVALID }));
  });

  it('come out in normal form', () => {
    const parsed = parseArgumentRules([
      { tool: 'b', arguments: { x: { optional: false, any: true } } },
      { tool: 'a', arguments: { x: { one_of: ['b', 'a', 'b'] } } },
      { tool: 'a', arguments: { x: { one_of: ['a', 'b'] } } },
    ]);
    expect(parsed).toEqual([
      { tool: 'b', arguments: { x: { any: true } } },
      { tool: 'a', arguments: { x: { one_of: ['a', 'b'] } } },
    ]);
    expect(parseArgumentRules(parsed)).toEqual(parsed);
  });
});

describe('rules of a child', () => {
  const over = (child: unknown, parent: unknown) =>
    excess(scope(child), scope(parent)).map(({ capability, pattern }) => `${capability} ${pattern.split(':')[0]}`);
  const one = (members: unknown, tool = 'fs/write') => [{ tool, arguments: members }];
  it('may be left out, added and tightened', () => {
    expect(over([], one(WRITE))).toEqual([]);
    expect(over(one(WRITE), [])).toEqual([]);
    expect(over(one(WRITE), one({ a: { any: true } }, 'git/log'))).toEqual([]);
    expect(over(one({ path: { under: '/workspace/a' }, content: { max_bytes: 3 } }), one(WRITE))).toEqual([]);
    expect(over(one({ path: { equals: '/workspace/a' } }), one(WRITE))).toEqual([]);
    expect(over(one({ '/o/x': { max: 1 } }), one({ o: { any: true } }))).toEqual([]);
  });
  it('may not widen, and the member is named', () => {
    expect(over(one({ ...WRITE, path: { under: '/' } }), one(WRITE))).toEqual(['argument_rules fs/write path']);
    expect(over(one({ ...WRITE, path: { any: true } }), one(WRITE))).toEqual(['argument_rules fs/write path']);
    expect(over(one({ ...WRITE, content: { max_bytes: 4, optional: true } }), one(WRITE))).toEqual([
      'argument_rules fs/write content',
    ]);
    expect(over(one({ ...WRITE, mode: { any: true } }), one(WRITE))).toEqual(['argument_rules fs/write mode']);
    expect(over(one({ o: { any: true } }), one({ '/o/x': { max: 1 } }))).toEqual(['argument_rules fs/write o']);
  });
});

describe('rules of two ceilings', () => {
  const both = (a: unknown, b: unknown): readonly ArgumentRule[] => meet(scope(a), scope(b)).argument_rules;
  it('meet in the calls that both permit', () => {
    const path = (under: string) => [
      { tool: 'fs/write', arguments: { path: { under }, mode: { any: true, optional: true } } },
    ];
    expect(both(path('/'), path('/ws'))).toEqual(path('/ws'));
    expect(both([{ tool: 'fs/write', arguments: { path: { under: '/ws' } } }], path('/'))).toEqual([
      { tool: 'fs/write', arguments: { path: { under: '/ws' } } },
    ]);
    expect(both([{ tool: 'git/*', arguments: {} }], path('/'))).toHaveLength(2);
  });
  it('refuse where no rule can say it, instead of naming more arguments than one of them does', () => {
    const fails = (a: unknown, b: unknown) =>
      expect(() => both(a, b)).toThrow(expect.objectContaining({ code: 'LEASE_SUBSET_VIOLATION' }));
    fails([{ tool: 'fs/*', arguments: { path: { any: true } } }], [{ tool: 'fs/write', arguments: WRITE }]);
    fails([{ tool: 'fs/write', arguments: { path: { any: true } } }], [{ tool: 'fs/write', arguments: WRITE }]);
    fails([{ tool: 't', arguments: { path: { under: '/a' } } }], [{ tool: 't', arguments: { path: { under: '/b' } } }]);
  });
});
