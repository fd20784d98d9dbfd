import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { membersAt } from '../../src/base/members.ts';
import { sayFirst, sayIssue } from '../../src/base/wording.ts';

const schema = z.strictObject({
  text: z.string().min(1).max(3).optional(),
  long: z.string().min(2).optional(),
  count: z.int().min(1).max(5).optional(),
  list: z.array(z.string()).min(1).max(2).optional(),
  map: z.record(z.string(), z.string()).optional(),
  mode: z.enum(['a', 'b']).optional(),
  yes: z.literal(true).optional(),
  own: z.string().regex(/^x/, 'must begin with x').optional(),
});

const said = (value: unknown, within: z.ZodType = schema): string[] => {
  const { error } = within.safeParse(value);
  return (error?.issues ?? []).map((issue) => sayIssue(issue));
};

describe('what is wrong with a value', () => {
  it.each([
    [{ text: '' }, 'must not be empty'],
    [{ text: 'abcd' }, 'must have at most 3 characters'],
    [{ long: 'a' }, 'must have at least 2 characters'],
    [{ text: 5 }, 'must be text, not a number'],
    [{ text: null }, 'must be text, not null; leave it out where it has no value'],
    [{ count: 0 }, 'must be at least 1'],
    [{ count: 6 }, 'must be at most 5'],
    [{ count: 1.5 }, 'must be a whole number'],
    [{ count: '5' }, 'must be a number, not text'],
    [{ list: [] }, 'must not be empty'],
    [{ list: ['a', 'b', 'c'] }, 'must have at most 2 items'],
    [{ list: 'a' }, 'must be a list, not text'],
    [{ map: [] }, 'must be an object, not a list'],
    [{ mode: 'c' }, 'must be one of "a", "b"'],
    [{ yes: false }, 'must be true'],
    [{ own: 'a' }, 'must begin with x'],
    [{ x: 1, y: 2 }, 'has unknown members: x, y'],
    [[], 'must be an object, not a list'],
  ])('is said in plain words: %j', (value, sentence) => {
    expect(said(value)).toEqual([sentence]);
  });

  it.each([
    [{ x: 1 }, 'small, list, either, map, later'],
    [{ small: { x: 1 } }, 'a, b'],
    [{ list: [{}, { x: 1 }] }, 'c'],
    [{ map: { any: { x: 1 } } }, 'd'],
    [{ later: { x: 1 } }, 'f'],
  ])('names the members that would have been allowed: %j', (value, members) => {
    const nested = z.strictObject({
      small: z.strictObject({ a: z.int().optional(), b: z.int().optional() }).default({}),
      list: z.array(z.strictObject({ c: z.int().optional() })).optional(),
      either: z.union([z.strictObject({ e: z.int() }), z.string()]).optional(),
      map: z.record(z.string(), z.strictObject({ d: z.int().optional() }).nullable()).optional(),
      later: z.lazy(() => z.strictObject({ f: z.int().optional() }).transform((f) => f)).optional(),
    });
    const { error } = nested.safeParse(value);
    expect(error?.issues.map((issue) => sayIssue(issue, nested))).toEqual([
      `has unknown members: x; allowed are ${members}`,
    ]);
  });

  it('names those of every form that a value may have, and none where names are free', () => {
    const either = z.strictObject({ a: z.union([z.strictObject({ b: z.int() }), z.strictObject({ c: z.int() })]) });
    expect(membersAt(either, ['a'])).toEqual(['b', 'c']);
    expect(membersAt(either, ['a', 'b', 'x'])).toEqual([]);
    expect(membersAt(either, ['constructor'])).toEqual([]);
    expect(membersAt(z.record(z.string(), z.int()), [])).toEqual([]);
  });

  it('is that it is missing, where nothing was given', () => {
    expect(said({}, z.strictObject({ name: z.string(), list: z.array(z.string()) }))).toEqual([
      'is missing',
      'is missing',
    ]);
  });
});

describe('the first thing that is wrong', () => {
  it.each([
    [{ text: 5 }, 'text: must be text, not a number'],
    [{ x: 1 }, 'it has unknown members: x'],
    [[], 'it must be an object, not a list'],
    [{ map: { a: 1 } }, 'map.a: must be text, not a number'],
  ])('%j', (value, said) => {
    expect(sayFirst(schema.safeParse(value).error?.issues ?? [])).toBe(said);
  });
});
