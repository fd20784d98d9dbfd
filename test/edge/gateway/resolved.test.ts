/** Links: a call is judged by where it really leads, and so is what was granted. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/canonical.ts';
import { Refusal } from '../../../src/base/refusal.ts';
import { withParsedUrls } from '../../../src/edge/gateway/maps.ts';
import { parsePointer, textsAt } from '../../../src/edge/gateway/pointer.ts';
import { resolvePath } from '../../../src/edge/gateway/resolve.ts';
import { resolvedActs } from '../../../src/edge/gateway/resolved.ts';
import { placesOf } from '../../../src/edge/gateway/rule-places.ts';
import { type Act, denials, intern, parseScope, type Scope } from '../../../src/scope/scope.ts';
import { directory } from '../../scratch.ts';

const base = directory();
const at = (path: string) => join(base, path);
for (const folder of ['ws/sub', 'ws2', 'secret', 'deep/er', 'st*r']) mkdirSync(at(folder), { recursive: true });
writeFileSync(at('secret/key'), 'k');
writeFileSync(at('ws/file'), 'f');
symlinkSync(at('secret'), at('ws/out'));
symlinkSync(at('secret/key'), at('ws/key'));
symlinkSync('../secret/new', at('ws/dangling'));
symlinkSync('sub', at('ws/in'));
symlinkSync(at('ws'), at('alias'));
symlinkSync('loop2', at('ws/loop1'));
symlinkSync('loop1', at('ws/loop2'));
symlinkSync('out/../file', at('ws/around'));
symlinkSync(at('st*r'), at('star'));

describe('a path', () => {
  it.each([
    ['ws/file', 'ws/file'],
    ['ws/out/key', 'secret/key'],
    ['ws/out/not/yet', 'secret/not/yet'],
    ['ws/dangling', 'secret/new'],
    ['ws/in/new', 'ws/sub/new'],
    ['alias/out/new/', 'secret/new/'],
    ['ws/file/below', 'ws/file/below'],
    ['ws/around', 'file'],
    ['alias', 'ws'],
  ])('is followed as far as it exists: %s', async (path, to) => {
    expect(await resolvePath(join(base, path))).toBe(join(base, to));
  });

  it('that leads in a circle leads nowhere', async () => {
    expect(await resolvePath(at('ws/loop1/x'))).toBeUndefined();
    expect(await resolvePath('/\u0000')).toBeUndefined();
    expect(await resolvePath('/')).toBe('/');
  });
});

function scope(permissions: Scope['permissions'], rules: readonly Json[] = []): Scope {
  return intern(
    parseScope({
      permissions: { ...permissions, 'tool.call': ['s/*'] },
      argument_rules: rules,
      limits: {},
      enforcement_triggers: [],
      measurement_types: [],
    }),
  );
}

/** As the law does it: the written acts by every scope, the resolved ones by every twin. */
async function isPermitted(scopes: readonly Scope[], acts: readonly [Act, ...Act[]]): Promise<boolean> {
  try {
    const resolved = await resolvedActs(acts, scopes);
    return scopes.every(
      (each) =>
        acts.every((act) => denials(each, act).length === 0) &&
        (resolved?.acts ?? []).every((act) => denials(resolved!.twins.get(each)!, act).length === 0),
    );
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

const call: Act = { capability: 'tool.call', resource: 's/read', arguments: {} };
const reads = (path: string): [Act, ...Act[]] => [call, { capability: 'fs.read', resource: path }];

describe('a permission', () => {
  const ws = scope({ 'fs.read': [at('ws/**')] });

  it.each([
    ['ws/file', true],
    ['ws/in/file', true],
    ['ws/new', true],
    ['ws/out/key', false],
    ['ws/key', false],
    ['ws/dangling', false],
    ['ws/around', false],
    ['ws/loop1', false],
    ['ws2/x', false],
    ['alias/file', false],
  ])('of a folder: %s → %s', async (path, expected) => {
    expect(await isPermitted([ws], reads(at(path)))).toBe(expected);
  });

  it('of a folder that is a link is one of where it leads', async () => {
    const alias = scope({ 'fs.read': [at('alias/**')] });
    expect(await isPermitted([alias], reads(at('alias/file')))).toBe(true);
    expect(await isPermitted([alias], reads(at('alias/out/key')))).toBe(false);
    expect(await isPermitted([alias], reads(at('ws/file')))).toBe(false);
    const child = scope({ 'fs.read': [at('alias/sub/**')] });
    expect(await isPermitted([alias, child], reads(at('alias/sub/x')))).toBe(true);
    expect(await isPermitted([alias, child], reads(at('alias/in/x')))).toBe(false);
  });

  it('of the target as well lets a link lead there', async () => {
    const both = scope({ 'fs.read': [at('secret/*'), at('ws/**')] });
    expect(await isPermitted([both], reads(at('ws/out/key')))).toBe(true);
    expect(await isPermitted([both, ws], reads(at('ws/out/key')))).toBe(false);
  });

  it('of a name with a star is compared with where the path leads', async () => {
    const stars = scope({ 'fs.read': [at('ws/*/key')] });
    expect(await isPermitted([stars], reads(at('ws/sub/key')))).toBe(true);
    expect(await isPermitted([stars], reads(at('ws/out/key')))).toBe(false);
  });

  it('whose folder really has a star in its name grants nothing more', async () => {
    const star = scope({ 'fs.read': [at('star/**')] });
    expect(await isPermitted([star], reads(at('star/x')))).toBe(false);
  });

  it('of everything stays one', async () => {
    expect(await isPermitted([scope({ 'fs.read': ['/**'] })], reads(at('ws/out/key')))).toBe(true);
  });

  it('to write is none to read where a link leads', async () => {
    const mixed = scope({ 'fs.read': [at('ws/**')], 'fs.write': [at('secret/**'), at('ws/**')] });
    expect(await isPermitted([mixed], reads(at('ws/out/key')))).toBe(false);
    expect(await isPermitted([mixed], [call, { capability: 'fs.write', resource: at('ws/out/key') }])).toBe(true);
  });
});

describe('a rule "under"', () => {
  const rule = (args: { readonly [name: string]: Json }) => [{ tool: 's/read', arguments: args }];
  const calls = (args: { readonly [name: string]: Json }): [Act] => [{ ...call, arguments: args }];

  it('follows links of the argument and of its folder', async () => {
    const under = scope({}, rule({ path: { under: at('alias') }, mode: { one_of: ['r'] } }));
    expect(await isPermitted([under], calls({ path: at('alias/file'), mode: 'r' }))).toBe(true);
    expect(await isPermitted([under], calls({ path: at('alias/out/key'), mode: 'r' }))).toBe(false);
    expect(await isPermitted([under], calls({ path: at('alias/file'), mode: 'w' }))).toBe(false);
    expect(await isPermitted([under], calls({ path: at('alias/file') }))).toBe(false);
  });

  it('follows every item of a list', async () => {
    const under = scope({}, rule({ paths: { each: { under: at('ws') } } }));
    expect(await isPermitted([under], calls({ paths: [at('ws/file'), at('ws/in')] }))).toBe(true);
    expect(await isPermitted([under], calls({ paths: [at('ws/file'), at('ws/key')] }))).toBe(false);
  });

  it('does not spoil what other rules say of the argument as it is written', async () => {
    const exact = scope({}, rule({ path: { one_of: [at('alias/file')] } }));
    const under = scope({}, rule({ path: { under: at('alias') } }));
    expect(await isPermitted([exact, under], calls({ path: at('alias/file') }))).toBe(true);
    expect(await isPermitted([exact, under], calls({ path: at('ws/file') }))).toBe(false);
  });

  it('may be about an argument that is not there', async () => {
    const under = scope({}, rule({ path: { under: at('alias'), optional: true } }));
    expect(await isPermitted([under], calls({}))).toBe(true);
  });
});

describe('twins', () => {
  it('are made only where a link was met, and once', async () => {
    const plain = scope({ 'fs.read': [at('ws/**')] });
    expect(await resolvedActs(reads(at('ws/file')), [plain])).toBeUndefined();
    expect(await resolvedActs([call], [plain])).toBeUndefined();
    const alias = scope({ 'fs.read': [at('alias/**')] });
    const [one, two] = [
      await resolvedActs(reads(at('alias/a')), [alias]),
      await resolvedActs(reads(at('alias/b')), [alias]),
    ];
    expect(one?.twins.get(alias)).toBe(two?.twins.get(alias));
    expect(one?.twins.get(alias)?.permissions['fs.read']).toEqual([at('ws/**')]);
  });
});

describe('a call with many paths', () => {
  const ws = scope({ 'fs.read': [at('ws/**')] }, [
    { tool: 's/*', arguments: { paths: { each: { under: at('ws') }, optional: true } } },
  ]);
  const paths = (count: number) => Array.from({ length: count }, (_, i) => at(`ws/${i}`));
  const asArguments = (count: number): [Act, ...Act[]] => [{ ...call, arguments: { paths: paths(count) } }];
  const asFiles = (count: number): [Act, ...Act[]] => [
    call,
    ...paths(count).map((resource) => ({ capability: 'fs.read', resource })),
  ];

  it.each([
    ['arguments', asArguments],
    ['files', asFiles],
  ])('is followed for so many, and refused for more: %s', async (_, acts) => {
    expect(await isPermitted([ws], acts(500))).toBe(true);
    for (const count of [1_001, 200_000]) {
      await expect(resolvedActs(acts(count), [ws])).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});

describe('a rule for one item of a list', () => {
  const holders: readonly (readonly [string, (text: string) => { readonly [name: string]: Json }])[] = [
    ['/paths/0', (text) => ({ paths: [text] })],
    ['/paths/1/0', (text) => ({ paths: ['x', [text]] })],
    ['/o/list/1/path', (text) => ({ o: { list: ['x', { path: text }] } })],
  ];
  const rest = { '/paths/0': { any: true, optional: true }, '/o/list/0': { any: true, optional: true } };
  const ruled = (location: string, rule: Json) =>
    scope({}, [{ tool: 's/*', arguments: { ...rest, [location]: rule } }]);

  it.each(holders)('has its path followed: %s', async (location, holding) => {
    const under = ruled(location, { under: at('ws') });
    const asked = (path: string): [Act] => [{ ...call, arguments: holding(at(path)) }];
    expect(await isPermitted([under], asked('ws/in/file'))).toBe(true);
    expect(await isPermitted([under], asked('ws/out/key'))).toBe(false);
    expect(await isPermitted([under], asked('ws2/x'))).toBe(false);
  });

  it.each(holders)('has its URL forwarded as it is judged: %s', (location, holding) => {
    const places = placesOf(ruled(location, { url: 'https://example.com/**' }), 's/read', 'url');
    const given = holding('HTTPS:\\\\EXAMPLE.com\\a\\..\\b');
    expect(withParsedUrls(given, places)).toEqual(holding('https://example.com/b'));
    expect(withParsedUrls({ paths: 'x', o: { list: {} } }, places)).toEqual({ paths: 'x', o: { list: {} } });
  });

  it('is none of a map, which names every item or none', () => {
    const place = parsePointer('/paths/0');
    expect(textsAt({ paths: ['/etc'] }, place)).toEqual({ noText: 'paths' });
    expect(textsAt({ paths: { 0: '/etc' } }, place)).toEqual({ texts: ['/etc'] });
  });
});
