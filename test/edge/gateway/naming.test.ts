/** Names: what hosts accept, one name for one tool, the same everywhere. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesOf, splitName } from '../../../src/edge/gateway/naming.ts';

const HOSTS_TAKE = /^[a-zA-Z0-9_-]{1,64}$/;
const server = fc
  .array(fc.stringMatching(/^[a-zA-Z0-9-]{1,10}$/), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('_'));
const plainTool = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const tool = fc.oneof(plainTool, fc.string({ minLength: 1, maxLength: 120, unit: 'binary' }));

describe('names of tools', () => {
  it('are taken by every host, differ, and lead back', () => {
    fc.assert(
      fc.property(server, fc.uniqueArray(tool, { maxLength: 12 }), (name, tools) => {
        const names = namesOf(name, tools);
        const shown = tools.map((each) => names.shown(each)!);
        for (const each of shown) expect(each).toMatch(HOSTS_TAKE);
        expect(new Set(shown).size).toBe(tools.length);
        expect(shown.map((each) => names.original(each))).toEqual(tools);
        for (const each of shown) expect(splitName(each)?.server).toBe(name);
      }),
    );
  });

  it('do not depend on the order in which an upstream lists them', () => {
    fc.assert(
      fc.property(server, fc.uniqueArray(tool, { maxLength: 8 }), (name, tools) => {
        const [one, other] = [namesOf(name, tools), namesOf(name, [...tools].reverse())];
        for (const each of tools) expect(other.shown(each)).toBe(one.shown(each));
      }),
    );
  });

  it('are left as they are where hosts take them', () => {
    expect(namesOf('fs', ['read_file', '_x', 'a__b']).shown('read_file')).toBe('fs__read_file');
    expect(splitName('fs___x')).toEqual({ server: 'fs', rest: '_x' });
    expect(splitName('fs__a__b')).toEqual({ server: 'fs', rest: 'a__b' });
    expect(splitName('My_fs-2___a_b')).toEqual({ server: 'My_fs-2', rest: '_a_b' });
  });

  it('of two tools that come to the same are told apart, the plain one keeping its own', () => {
    const odd = 'a/b';
    const hashed = namesOf('s', [odd]).shown(odd)!;
    expect(hashed).toBe('s__ab_c14cddc0');
    const taken = hashed.slice('s__'.length);
    const names = namesOf('s', [odd, taken]);
    expect(names.shown(taken)).toBe(hashed);
    expect(names.shown(odd)).toMatch(/^s__ab_c14cddc0[0-9a-f]{8}$/);
  });

  it.each(['aga_inspect', 'fs_read', '__x', 'fs__', '_s__x', 'f.s__x', `${'a'.repeat(33)}__x`])(
    'that no upstream can have are none: %s',
    (name) => {
      expect(splitName(name)).toBeUndefined();
    },
  );
});
