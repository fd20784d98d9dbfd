/** Every way to hide a path or a URL from a map, each of which must be refused. */
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../../src/base/refusal.ts';
import { actsOf, mapOf, urlPlaces, withParsedUrls } from '../../../src/edge/gateway/maps.ts';
import { type JsonObject, parsePointer, replaceTexts } from '../../../src/edge/gateway/pointer.ts';

const map = mapOf(
  {
    s: {
      read: { '/path': 'fs.read' },
      many: { '/paths/*': 'fs.read' },
      edit: { '/edits/*/file': ['fs.read', 'fs.write'] },
      nested: { '/where/path': 'fs.read' },
      get: { '/url': 'net.fetch' },
      quiet: {},
    },
  },
  's',
)!;
const schema = { type: 'object', properties: { path: {}, paths: {}, edits: {}, where: {}, url: {}, head: {} } };

const acts = (tool: string, given?: JsonObject) =>
  actsOf(map, tool, schema, given).map((act) => `${act.capability} ${act.resource}`);
function code(tool: string, given?: JsonObject): string {
  try {
    acts(tool, given);
  } catch (error) {
    return (error as Refusal).code;
  }
  return 'permitted';
}

describe('a mapped call', () => {
  it('touches what its arguments name', () => {
    expect(acts('read', { path: '/a', head: 3 })).toEqual(['fs.read /a']);
    expect(acts('many', { paths: ['/a', '/b'] })).toEqual(['fs.read /a', 'fs.read /b']);
    expect(acts('edit', { edits: [{ file: '/a' }] })).toEqual(['fs.read /a', 'fs.write /a']);
    expect(acts('nested', { where: { path: '/a' } })).toEqual(['fs.read /a']);
    expect(acts('quiet')).toEqual([]);
    expect(acts('many', { paths: [] })).toEqual([]);
  });

  it.each([
    ['read', { path: ['/a'] }],
    ['read', { path: { toString: '/a' } }],
    ['read', { path: null }],
    ['read', { path: 1 }],
    ['read', {}],
    ['read', undefined],
    ['many', { paths: '/a' }],
    ['many', { paths: { 0: '/a', length: 1 } }],
    ['many', { paths: ['/a', ['/b']] }],
    ['many', { paths: ['/a', null] }],
    ['edit', { edits: { file: '/a' } }],
    ['edit', { edits: [{ file: '/a' }, {}] }],
    ['edit', { edits: [{ file: '/a' }, '/b'] }],
    ['nested', { where: '/a' }],
    ['nested', { where: [{ path: '/a' }] }],
    ['nested', { where: {} }],
  ] as const)('of %s with a path of the wrong shape is refused: %j', (tool, given) => {
    expect(code(tool, given)).toBe('INVALID_REQUEST');
  });

  it.each([
    ['read', { path: '/a', Path: '/etc' }],
    ['read', { path: '/a', file: '/etc' }],
    ['read', { path: '/a', 'path ': '/etc' }],
    ['quiet', { constructor: '/etc' }],
    ['quiet', { hasOwnProperty: '/etc' }],
  ] as const)('of %s with an argument that nobody names is refused: %j', (tool, given) => {
    expect(code(tool, given)).toBe('INVALID_REQUEST');
  });

  it.each(['unknown', 'constructor', 'toString', '', 'READ'])(
    'of a tool that the map does not name is refused: %s',
    (tool) => {
      expect(code(tool, {})).toBe('PERMISSION_DENIED');
    },
  );
});

describe('URLs', () => {
  const parsed = (url: string) => withParsedUrls({ url, other: url }, urlPlaces(map, 'get'));

  it.each([
    ['HTTPS://EXAMPLE.com:443/a/../b', 'https://example.com/b'],
    ['https://example.com\\@evil.example/', 'https://example.com/@evil.example/'],
    ['https://example.com/%2e%2e/a', 'https://example.com/a'],
    ['https://ｅxample.com/', 'https://example.com/'],
    [' \thttps://example.com/\n', 'https://example.com/'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
  ])('go out as they were judged: %s', (url, out) => {
    expect(parsed(url)).toEqual({ url: out, other: url });
  });

  it('that are none stay, for the law to refuse', () => {
    expect(parsed('not a url')).toEqual({ url: 'not a url', other: 'not a url' });
    expect(withParsedUrls({ url: ['https://EXAMPLE.com'] }, urlPlaces(map, 'get'))).toEqual({
      url: ['https://EXAMPLE.com'],
    });
    expect(withParsedUrls(undefined, urlPlaces(map, 'get'))).toBeUndefined();
  });

  it('are replaced in a copy', () => {
    const given = { list: [{ u: 'a' }, { u: 'b' }], same: {} };
    const made = replaceTexts(given, parsePointer('/list/*/u'), (text) => text.toUpperCase());
    expect(made).toEqual({ list: [{ u: 'A' }, { u: 'B' }], same: {} });
    expect(given.list[0]).toEqual({ u: 'a' });
    expect(replaceTexts(given, parsePointer('/list/*/u'), (text) => text)).toBe(given);
  });
});
