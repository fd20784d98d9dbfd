import { describe, expect, it } from 'vitest';
import {
  denials,
  EVERYTHING,
  excess,
  meet,
  nearestAllowed,
  type Permissions,
  parsePermissions,
} from '../../src/scope/scope.ts';
import { scopeOf } from './make.ts';

const permits = (capability: string, patterns: readonly string[], resource: string): boolean =>
  denials(scopeOf({ [capability]: patterns }), { capability, resource }).length === 0;

const contained = (capability: string, child: readonly string[], parent: readonly string[]): boolean =>
  excess(scopeOf({ [capability]: child }), scopeOf({ [capability]: parent })).length === 0;

/** [capability, patterns, resource]; in the second list the same patterns do not permit the resource. */
const PERMITTED: readonly (readonly [string, readonly string[], string])[] = [
  ['tool.call', ['search'], 'search'],
  ['tool.call', ['search:*'], 'search:web'],
  ['tool.call', ['fs/*'], 'fs/read'],
  ['tool.call', ['fs/**'], 'fs'],
  ['tool.call', ['fs/**'], 'fs/a/b'],
  ['tool.call', ['**/read'], 'read'],
  ['tool.call', ['**'], 'a/b/c@d:e'],
  ['tool.call', ['a?[b]{c}!'], 'a?[b]{c}!'],
  ['tool.call', ['a*c'], 'ac'],
  ['tool.call', ['a*𝒳*'], 'a𝒴𝒳'],
  ['tool.call', ['*'], 'a*b'],
  ['tool.call', ['*'], 'a\\b'],
  ['fs.read', ['/ws/**'], '/ws'],
  ['fs.read', ['/ws/**'], '/ws/'],
  ['fs.read', ['/ws/**'], '/ws/a/b/'],
  ['fs.read', ['/**'], '/'],
  ['fs.read', ['/'], '/'],
  ['fs.read', ['/ws/'], '/ws/'],
  ['fs.read', ['/ws'], '/ws/'],
  ['fs.read', ['/ws/*'], '/ws/a/'],
  ['fs.read', ['/ws/*.txt'], '/ws/…é.txt'],
  ['agent.delegate', ['bot'], 'bot'],
  ['agent.delegate', ['bot@*'], 'bot@1.0.0'],
  ['agent.delegate', ['*'], 'bot'],
  ['agent.delegate', ['*@*'], 'bot@1'],
  ['net.fetch', ['https://*.example.com/**'], 'https://a.example.com'],
  ['net.fetch', ['HTTPS://Example.com/**'], 'https://EXAMPLE.com:443/a?b#c'],
  ['net.fetch', ['https://bücher.example/*'], 'https://xn--bcher-kva.example/x'],
  ['net.fetch', ['https://h/é/**'], 'https://h/%C3%A9/x'],
  ['net.fetch', ['https://h:8443/'], 'https://h:8443'],
  ['net.fetch', ['**'], 'http://web.archive.org/web/2020/http://h/a%2fb'],
  ['net.fetch', ['https://h/a/**'], 'https://h/x/../a/b'],
  ['net.fetch', ['http://127.0.0.1/**'], 'http://2130706433/x'],
  ['net.fetch', ['http://[::1]/**'], 'http://[0:0::1]/x'],
  ['mcp.resource', ['github'], 'github'],
  ['mcp.resource', ['**'], 'github'],
  ['mcp.prompt', ['github/*'], 'github/review'],
  ['x-acme.deep.thing', ['a/*'], 'a/b'],
  ['cost.budget', ['USD:5.00'], 'USD:5'],
  ['cost.budget', ['USD:0.10', 'USD:0.20'], 'USD:0.3'],
];

const DENIED: readonly (readonly [string, readonly string[], string, string])[] = [
  ['tool.call', ['search'], 'Search', 'PERMISSION_DENIED'],
  ['tool.call', ['search'], 'x/../search', 'INVALID_REQUEST'],
  ['tool.call', ['**'], '', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'search:', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'search@', 'INVALID_REQUEST'],
  ['tool.call', ['**'], '/search', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'search/', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'a//b', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'a\u0000', 'INVALID_REQUEST'],
  ['tool.call', ['**'], 'a\ud800', 'INVALID_REQUEST'],
  ['tool.call', ['fs/*'], 'fs/a/b', 'PERMISSION_DENIED'],
  ['tool.call', ['fs/*'], 'fs', 'PERMISSION_DENIED'],
  ['tool.call', ['a*a'], 'a', 'PERMISSION_DENIED'],
  ['tool.call', [], 'a', 'PERMISSION_DENIED'],
  ['fs.read', ['/ws/**'], '/ws2', 'PERMISSION_DENIED'],
  ['fs.read', ['/ws/*'], '/ws/', 'PERMISSION_DENIED'],
  ['fs.read', ['/ws/'], '/ws', 'PERMISSION_DENIED'],
  ...['ws/a', '/ws/../etc', '/ws/.', '/ws//a', '/ws\\a', '/ws/a\n', '/ws/%2e%2E/a', '/ws/%2Fa', '/ws/%5ca'].map(
    (path) => ['fs.read', ['/**'], path, 'PERMISSION_DENIED'] as const,
  ),
  ...['/ws/e\u0301', '/ws/\u2025/etc', '/ws/..\uff0fetc', '/ws/a\uff3cb', '', '/ws//', '//'].map(
    (path) => ['fs.read', ['/**'], path, 'PERMISSION_DENIED'] as const,
  ),
  ['agent.delegate', ['bot'], 'bot@1.0.0', 'PERMISSION_DENIED'],
  ['agent.delegate', ['bot@*'], 'bot', 'PERMISSION_DENIED'],
  ['agent.delegate', ['*', '*@*'], 'a/b', 'INVALID_REQUEST'],
  ['agent.delegate', ['*', '*@*'], 'a@b@c', 'INVALID_REQUEST'],
  ['agent.delegate', ['*', '*@*'], 'a@', 'INVALID_REQUEST'],
  ['agent.delegate', ['*', '*@*'], '@1', 'INVALID_REQUEST'],
  ['net.fetch', ['https://*.example.com/**'], 'https://example.com/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://*.example.com/**'], 'https://a.b.example.com/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://*.example.com/**'], 'https://evil.com/?x=.example.com', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://*.example.com/**'], 'https://evil.com\\.example.com/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://example.com/**'], 'https://example.com@evil.com/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://example.com/**'], 'http://example.com/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://example.com/**'], 'https://example.com./', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://example.com/**'], 'https://example.com:8443/', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://example.com/**'], 'https://example.com/a%2fb', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://h/a/**'], 'https://h/a/%2e%2e/b', 'PERMISSION_DENIED'],
  ['net.fetch', ['https://*/**'], 'https://[::1]/', 'PERMISSION_DENIED'],
  ['net.fetch', ['**'], 'file:///etc/passwd', 'PERMISSION_DENIED'],
  ['net.fetch', ['**'], 'nonsense', 'PERMISSION_DENIED'],
  ['mcp.resource', ['*'], 'github/x', 'INVALID_REQUEST'],
  ['cost.budget', ['USD:5'], 'USD:5.01', 'PERMISSION_DENIED'],
  ['cost.budget', ['USD:5'], 'EUR:1', 'PERMISSION_DENIED'],
  ['cost.budget', ['USD:5'], 'USD:1e0', 'INVALID_REQUEST'],
  ['tool', ['a'], 'a', 'INVALID_REQUEST'],
];

describe('a scope and an act', () => {
  it.each(PERMITTED)('%s %j permits %j', (capability, patterns, resource) => {
    expect(permits(capability, patterns, resource)).toBe(true);
  });

  it.each(DENIED.filter(([capability]) => capability !== 'tool'))(
    '%s %j denies %j: %s',
    (capability, list, resource, code) => {
      const found = denials(scopeOf({ [capability]: list }), { capability, resource });
      expect(found.map((denial) => denial.code)).toEqual([code]);
    },
  );

  it('permits nothing of a capability that is absent or unknown', () => {
    const act = (capability: string) => denials(scopeOf({}), { capability, resource: 'a' })[0]?.code;
    expect(act('tool.call')).toBe('PERMISSION_DENIED');
    expect(act('__proto__')).toBe('INVALID_REQUEST');
    expect(act('Tool.call')).toBe('INVALID_REQUEST');
  });

  it('names the value that failed, and only the digest of a long one', () => {
    const say = (resource: string) => denials(scopeOf({}), { capability: 'tool.call', resource })[0]?.message;
    expect(say('delete')).toContain('"delete"');
    expect(say('x'.repeat(65))).toContain('sha256');
    expect(say('x'.repeat(65))).not.toContain('xxxx');
  });
});

describe('patterns', () => {
  const MALFORMED: { readonly [capability: string]: readonly string[] } = {
    'tool.call': [
      ...['', '/a', 'a/', 'a//b', '.', 'a/../b', 'a\\b', 'a\n', '%2e', 'a%2Fb', 'a%5C', '***', 'a**', '**a/b'],
      ...['e\u0301', 'x'.repeat(513), '*a*a*a*a*a*a*a*a*a', 'search:', 'name@', '\ud800', 'a\u0085'],
    ],
    'fs.read': ['ws', '~/ws', '/a//b', '/a/./b', '//', '/a/**b', '/\u2025/x', 'C:\\x'],
    'agent.delegate': ['a/b', 'a@b@c', 'a@', '@1', '..', 'a**'],
    'net.fetch': [
      'example.com',
      'ftp://h/',
      'https://u@h/',
      'https://u:p@h/',
      'https://h/?q',
      'https://h/#f',
      'https://h./**',
      'https://a..b/**',
      'https://a*.b/**',
      'https://**.b/**',
      'https://2130706433/',
      'https://0x7f.1/',
      'https://[0:0::1]/',
      'https://h%61/',
      'https://＊.com/',
      'https://h/a/../b',
      'https://h:99999/',
      ' https://h/',
      'https://h/a ',
      '*',
    ],
    'mcp.resource': ['a/b', ''],
    'cost.budget': [
      'USD',
      'USD:',
      'USD:-1',
      'USD:+1',
      'USD:01',
      'USD:1e3',
      'USD:.5',
      'USD:1.',
      'usd:1',
      'USD: 1',
      '**',
    ],
    'tool.use': ['a'],
    'x-acme': ['a'],
    'x-.y': ['a'],
    ['__proto__']: ['a'],
  };
  const cases = Object.entries(MALFORMED).flatMap(([capability, list]) =>
    list.map((pattern) => [capability, pattern] as const),
  );

  it.each(cases)('%s refuses %j', (capability, pattern) => {
    const members = Object.fromEntries([[capability, [pattern]]]);
    expect(() => parsePermissions(members)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    expect(() => parsePermissions(members)).toThrow(capability);
  });

  it('come out sorted by UTF-16 code units, each once, amounts added up', () => {
    const parsed = parsePermissions({
      'tool.call': ['b', '\uffee', 'a', '𝒳', 'b'],
      'cost.budget': ['USD:1.50', 'EUR:2', 'USD:1.50'],
      'fs.read': [],
    });
    expect(parsed).toEqual({
      'cost.budget': ['EUR:2', 'USD:3'],
      'fs.read': [],
      'tool.call': ['a', 'b', '𝒳', '\uffee'],
    });
    expect(parsePermissions(parsed)).toEqual(parsed);
  });

  it('are at most 256 in a list', () => {
    const list = (size: number) => ({ 'tool.call': Array.from({ length: size }, (_, i) => `t${i}`) });
    expect(parsePermissions(list(256))['tool.call']).toHaveLength(256);
    expect(() => parsePermissions(list(257))).toThrow('256');
  });
});

describe('containment', () => {
  const YES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['tool.call', ['search:*'], ['search*']],
    ['tool.call', ['gpt-4*'], ['gpt-*']],
    ['tool.call', ['**'], ['*', '*/**']],
    ['tool.call', ['a/**'], ['a', 'a/*', 'a/*/**']],
    ['tool.call', ['**/*'], ['**']],
    ['tool.call', ['**'], ['**/*']],
    ['tool.call', ['*/**'], ['**/*']],
    ['tool.call', ['**/a/**'], ['a/**', '*/**']],
    ['tool.call', ['a*b*c'], ['a*c']],
    ['tool.call', [], []],
    ['agent.delegate', ['name@1.*'], ['name@*']],
    ['fs.read', ['/data/x/**'], ['/data/**']],
    ['fs.read', ['/data/**'], ['/data', '/data/*/**']],
    ['fs.read', ['/a/'], ['/a']],
    ['fs.read', ['/**'], ['/', '/*/**']],
    ['fs.read', ['/a/'], ['/a/**']],
    ['net.fetch', ['https://api.example.com/v1/*'], ['https://*.example.com/**']],
    ['net.fetch', ['https://h/**'], ['https://h/', 'https://h/*/**']],
    ['net.fetch', ['https://h:443/x'], ['HTTPS://H/**']],
    ['net.fetch', ['**'], ['**']],
    ['mcp.resource', ['*'], ['**']],
    ['cost.budget', ['USD:4.99'], ['USD:5']],
  ];
  const NO: typeof YES = [
    ['tool.call', ['**'], ['*']],
    ['tool.call', ['a/**'], ['a/*', 'a/*/**']],
    ['tool.call', ['**/a'], ['*/**/a']],
    ['tool.call', ['*'], ['a*', '*b']],
    ['tool.call', ['a*c'], ['a*b*c']],
    ['agent.delegate', ['name'], ['name@*']],
    ['agent.delegate', ['*@*'], ['*']],
    ['fs.read', ['/data/**'], ['/data/*', '/data']],
    ['fs.read', ['/data2'], ['/data/**']],
    ['fs.read', ['/a'], ['/a/']],
    ['fs.read', ['/a/**'], ['/a/', '/a/*/**']],
    ['net.fetch', ['**'], ['https://*.com/**', 'http://*/**']],
    ['net.fetch', ['https://h:8443/x'], ['https://h/**']],
    ['net.fetch', ['https://*.*.com/'], ['https://*.com/**']],
    ['cost.budget', ['USD:5.01'], ['USD:5']],
    ['cost.budget', ['EUR:1'], ['USD:5']],
  ];
  it.each(YES)('%s %j is within %j', (capability, child, parent) =>
    expect(contained(capability, child, parent)).toBe(true),
  );
  it.each(NO)('%s %j is not within %j', (capability, child, parent) =>
    expect(contained(capability, child, parent)).toBe(false),
  );

  it('says what is in excess, and what would pass', () => {
    const parent = scopeOf({ 'tool.call': ['fs/*', 'search'], 'fs.read': ['/ws/**'] });
    const asked: Permissions = { 'tool.call': ['**/read*', 'search'], 'fs.write': ['/ws'], 'fs.read': ['/**', '/etc'] };
    expect(excess(scopeOf(asked), parent)).toContainEqual({
      capability: 'fs.read',
      pattern: '/etc',
      parent: ['/ws/**'],
    });
    expect(nearestAllowed(parsePermissions(asked), parent)).toEqual({
      'tool.call': ['fs/read*', 'search'],
      'fs.read': ['/ws/**'],
    });
  });

  it.each([
    ['fs.read', '/*../x', '/.*/x', ['/.*../x']],
    ['fs.read', '/%*2e', '/%2*', ['/%2*2e']],
    ['fs.read', '/*\u2024', '/\u2024*', ['/\u2024*\u2024']],
    ['tool.call', '*.', '.*', ['.*.']],
    ['tool.call', 'a:/**', '*', []],
    ['agent.delegate', '*.@1', '.*@1', ['.*.@1']],
    ['net.fetch', 'https://h/*..', 'https://h/.*', ['https://h/.*..']],
  ])('%s: what %s and %s have in common is not what no resource can be', (capability, asked, held, common) => {
    const [child, parent] = [scopeOf({ [capability]: [asked] }), scopeOf({ [capability]: [held] })];
    expect(nearestAllowed(child.permissions, parent)[capability] ?? []).toEqual(common);
    expect(meet(child, parent).permissions[capability] ?? []).toEqual(common);
  });

  it('offers a pattern of the parent within an asked one as it is, not in the many pieces that the two have in common', () => {
    const held = ['v', 'w', 'x', 'y', 'z'].map((name) => `/**/a/**/${name}/**/b/**`);
    const asked = scopeOf({ 'fs.read': ['/**/a/**/b/**', '/etc'] });
    expect(nearestAllowed(asked.permissions, scopeOf({ 'fs.read': held }))).toEqual({ 'fs.read': held });
  });

  it('judges a budget against the nearest ancestor that has one', () => {
    const child = scopeOf({ 'cost.budget': ['USD:3'] });
    const none = scopeOf({});
    expect(excess(child, none)).toHaveLength(1);
    expect(excess(child, none, scopeOf({ 'cost.budget': ['USD:5'] }))).toEqual([]);
    expect(
      excess(child, none, scopeOf({ 'cost.budget': ['USD:2'] }), scopeOf({ 'cost.budget': ['USD:5'] })),
    ).toHaveLength(1);
    expect(excess(child, scopeOf({ 'cost.budget': [] }), scopeOf({ 'cost.budget': ['USD:5'] }))).toHaveLength(1);
    const act = { capability: 'cost.budget', resource: 'USD:1' };
    expect(denials(none, act)).toHaveLength(1);
    expect(denials(none, act, scopeOf({ 'cost.budget': ['USD:5'] }))).toEqual([]);
    expect(denials(scopeOf({ 'cost.budget': [] }), act, scopeOf({ 'cost.budget': ['USD:5'] }))).toHaveLength(1);
  });

  it('the built-in ceiling holds everything but money and delegation', () => {
    const root = scopeOf(EVERYTHING);
    expect(excess(scopeOf({ 'tool.call': ['**'], 'fs.write': ['/**'], 'net.fetch': ['**'] }), root)).toEqual([]);
    expect(excess(scopeOf({ 'agent.delegate': ['a'] }), root)).toHaveLength(1);
    expect(excess(scopeOf({ 'cost.budget': ['USD:1'] }), root)).toHaveLength(1);
  });
});

describe('meet', () => {
  const both = (capability: string, a: readonly string[], b: readonly string[]) =>
    meet(scopeOf({ [capability]: a }), scopeOf({ [capability]: b })).permissions[capability];
  it('is what both permit', () => {
    expect(both('tool.call', ['ab*'], ['*bc'])).toEqual(['ab*bc', 'abc']);
    expect(both('tool.call', ['a/**'], ['**/b'])).toEqual(['a/**/b']);
    expect(both('fs.read', ['/ws/**'], ['/*/out/*'])).toEqual(['/ws/out/*']);
    expect(both('fs.read', ['/**/'], ['/*/out'])).toEqual(['/*/out/']);
    expect(both('net.fetch', ['https://*.h.com/**'], ['https://a.*.com/x/*'])).toEqual(['https://a.h.com/x/*']);
    expect(both('net.fetch', ['http://[::1]:8080/**'], ['**'])).toEqual(['http://[::1]:8080/**']);
    expect(both('agent.delegate', ['a*@1'], ['*b@*'])).toEqual(['a*b@1']);
    expect(both('cost.budget', ['USD:5', 'EUR:1'], ['USD:2.50'])).toEqual(['USD:2.5']);
    expect(both('tool.call', ['a'], ['b'])).toEqual([]);
  });
});
