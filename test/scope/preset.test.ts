import { describe, expect, it } from 'vitest';
import { applyPreset, BUILT_IN, compare, parsePresets, presetOf } from '../../src/scope/preset.ts';
import { EVERYTHING, excess, parseArgumentRules } from '../../src/scope/scope.ts';
import { scopeOf } from './make.ts';

const PARENT = scopeOf(
  {
    'tool.call': ['fs/*', 'search'],
    'fs.read': ['/ws/**'],
    'fs.write': ['/ws/out/**'],
    'net.fetch': ['https://api.example.com/**'],
    'agent.delegate': ['*@*'],
    'x-acme.thing': ['a'],
  },
  {
    limits: { calls: 10 },
    enforcement_triggers: ['TERMINATE'],
    argument_rules: parseArgumentRules([{ tool: 'fs/write', arguments: { path: { under: '/ws' } } }]),
  },
);
const rule = (tool: string, members: unknown) => ({ tool, arguments: members });
const TABLE = parsePresets({
  reader: { permissions: { 'fs.read': ['/ws/a/**', '/etc/**'] }, limits: { calls: 100, calls_per_minute: 5 } },
  'reader-small': { permissions: { 'fs.read': ['/ws/a/b/**'] }, limits: { calls: 1, calls_per_minute: 5 } },
  writer: {
    permissions: { 'tool.call': ['fs/write'] },
    argument_rules: [rule('fs/write', { path: { under: '/ws/a' } })],
  },
  'writer-any': { permissions: { 'tool.call': ['fs/*'] } },
  spender: { permissions: { 'tool.call': ['fs/*'], 'cost.budget': ['USD:5'] } },
});

describe('a preset', () => {
  it('never gives more than the parent has', () => {
    for (const name of TABLE.keys())
      expect([name, excess(applyPreset(name, PARENT, TABLE), PARENT)]).toEqual([name, []]);
    const root = scopeOf(EVERYTHING);
    for (const name of BUILT_IN.keys()) expect(excess(applyPreset(name, root, TABLE), root)).toEqual([]);
  });

  it('isolated is nothing, not even the money of an ancestor', () => {
    expect(applyPreset('isolated', PARENT, TABLE).permissions).toEqual({});
    const rich = scopeOf({ 'cost.budget': ['USD:5'] });
    expect(applyPreset('isolated', PARENT, TABLE, rich).permissions).toEqual({ 'cost.budget': [] });
    expect(excess(applyPreset('isolated', PARENT, TABLE, rich), PARENT, rich)).toEqual([]);
  });

  it('sandboxed reads, calls and fetches, and neither writes nor delegates', () => {
    const { permissions, enforcement_triggers: triggers } = applyPreset('sandboxed', PARENT, TABLE);
    expect(permissions).toEqual({
      'fs.read': ['/ws/**'],
      'net.fetch': ['https://api.example.com/**'],
      'tool.call': ['fs/*', 'search'],
    });
    expect(triggers).toEqual(['TERMINATE']);
  });

  it('coordinator is all of the parent, with its budget inherited', () => {
    const rich = { ...PARENT, permissions: { ...PARENT.permissions, 'cost.budget': ['USD:5'] } };
    expect(applyPreset('coordinator', rich, TABLE).permissions).toEqual(PARENT.permissions);
  });

  it('of the operator is intersected, its limits and rules too', () => {
    const reader = applyPreset('reader', PARENT, TABLE);
    expect(reader.permissions).toEqual({ 'fs.read': ['/ws/a/**'] });
    expect(reader.limits).toEqual({ calls: 10, calls_per_minute: 5 });
    expect(applyPreset('writer', PARENT, TABLE).argument_rules).toEqual([
      rule('fs/write', { path: { under: '/ws/a' } }),
    ]);
  });

  it('with a budget is cut to the budget above, and never opens one', () => {
    const under = (...scopes: Parameters<typeof excess>[1][]) =>
      applyPreset('spender', PARENT, TABLE, ...scopes).permissions['cost.budget'];
    expect(under()).toBeUndefined();
    expect(under(scopeOf({ 'cost.budget': ['USD:9'] }))).toEqual(['USD:5']);
    expect(under(scopeOf({ 'cost.budget': ['USD:2'] }))).toEqual(['USD:2']);
    expect(under(scopeOf({ 'cost.budget': ['EUR:2'] }))).toEqual([]);
  });

  it('stands in an order', () => {
    expect(compare('isolated', 'sandboxed', TABLE)).toBe('narrower');
    expect(compare('coordinator', 'sandboxed', TABLE)).toBe('wider');
    expect(compare('sandboxed', 'sandboxed', TABLE)).toBe('equal');
    expect(compare('reader', 'sandboxed', TABLE)).toBe('narrower');
    expect(compare('reader-small', 'reader', TABLE)).toBe('narrower');
    expect(compare('reader', 'writer', TABLE)).toBe('unordered');
    expect(compare('writer', 'writer-any', TABLE)).toBe('narrower');
    expect(compare('spender', 'writer-any', TABLE)).toBe('narrower');
    expect(compare('spender', 'coordinator', TABLE)).toBe('narrower');
    expect(compare('isolated', 'spender', TABLE)).toBe('narrower');
    // Where nothing may be called, there is nothing to limit and nothing to rule.
    for (const name of ['reader', 'writer', 'writer-any'])
      expect([name, compare('isolated', name, TABLE)]).toEqual([name, 'narrower']);
  });

  it('that is unknown, built in or malformed is refused', () => {
    const code = expect.objectContaining({ code: 'INVALID_REQUEST' });
    expect(() => presetOf('admin', TABLE)).toThrow(code);
    expect(() => presetOf('__proto__', TABLE)).toThrow('isolated, sandboxed, coordinator');
    expect(() => parsePresets({ sandboxed: { permissions: {} } })).toThrow(code);
    expect(() => parsePresets({ a: {} })).toThrow('presets.a');
    expect(() => parsePresets({ a: { permissions: {}, extra: 1 } })).toThrow('extra');
    expect(() => parsePresets({ a: { permissions: { 'tool.call': ['//'] } } })).toThrow('presets.a');
  });
});
