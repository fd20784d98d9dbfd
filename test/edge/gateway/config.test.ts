/** What a configuration may say, and that a wrong one is told which part of it is wrong. */
import { describe, expect, it } from 'vitest';
import { mapsSchema, measureSchema, strayMaps, upstreamsSchema } from '../../../src/edge/gateway/config.ts';
import { mapOf } from '../../../src/edge/gateway/maps.ts';
import { SHIPPED } from '../../../src/edge/gateway/shipped-maps.ts';
import { everything, filesystem, upstream } from './upstreams.ts';

describe('upstreams', () => {
  it('have the shape of mcpServers, and a timeout', () => {
    const given = {
      fs: { command: 'npx', args: ['-y', 'x'], env: { A: 'b' }, cwd: '/' },
      My_web: { type: 'http', url: 'https://example.com/mcp', headers: { Authorization: 'Bearer x' }, timeout: 5 },
    };
    const found = upstreamsSchema.parse({
      a: { url: 'https://example.com?to=me@here' },
      b: { url: 'HTTP://[::1]:80/@' },
    });
    expect(found).toMatchObject({ a: { url: 'https://example.com?to=me@here' }, b: { url: 'HTTP://[::1]:80/@' } });
    const parsed = upstreamsSchema.parse(given);
    expect(parsed).toEqual({ fs: { ...given.fs, timeout: 60_000 }, My_web: given.My_web });
  });

  it.each([
    { 'f.s': { command: 'x' } },
    { _a: { command: 'x' } },
    { a_: { command: 'x' } },
    { a__b: { command: 'x' } },
    { ['a'.repeat(33)]: { command: 'x' } },
    { a: {} },
    { a: { command: 'x', url: 'http://x' } },
    { a: { command: 'x', shell: true } },
    { a: { url: 'file:///etc/passwd' } },
    { a: { url: 'https://user:s3cret@example.com/' } },
    { a: { url: 'https://user@example.com' } },
    { a: { url: 'https:\\\\user:s3cret@example.com' } },
    { a: { url: 'https:user:s3cret@example.com' } },
    { a: { url: 'https://example.com', headers: { 'A B': 'x' } } },
    { a: { url: 'https://example.com', headers: { A: 's3cret\nB: x' } } },
    { a: { command: 'x', timeout: 0 } },
  ])('are refused where they are not: %j', (given) => {
    expect(upstreamsSchema.safeParse(given).success).toBe(false);
  });
});

describe('measurements', () => {
  const digest = '0'.repeat(64);

  it('have folders, and a pin for each type that is measured', () => {
    const given = { fs: { paths: ['/ws'], pins: { CONFIG_MANIFEST: digest } }, none: {} };
    expect(measureSchema.parse(given)).toEqual(given);
  });

  it.each([
    { fs: { pins: { TEE_QUOTE: digest } } },
    { fs: { pins: { config_manifest: digest } } },
    { fs: { pins: { CONFIG_MANIFEST: digest.slice(1) } } },
    { fs: { pins: { CONFIG_MANIFEST: 'A'.repeat(64) } } },
    { fs: { paths: [''] } },
    { fs: { paths: ['ws'] } },
    { fs: { paths: ['./ws'] } },
    { a__b: {} },
  ])('are refused where they would bind nothing: %j', (given) => {
    expect(measureSchema.safeParse(given).success).toBe(false);
  });
});

describe('maps', () => {
  it('are the name of a shipped one, or a table', () => {
    const maps = mapsSchema.parse({
      fs: '@modelcontextprotocol/server-filesystem',
      own: { get: { '/urls/*': 'net.fetch', '/to': ['fs.read', 'fs.write'] }, none: {} },
    });
    expect(mapOf(maps, 'fs')?.get('read_multiple_files')?.[0]?.pointer).toBe('/paths/*');
    expect(mapOf(maps, 'own')?.get('none')).toEqual([]);
    expect(mapOf(maps, 'other')).toBeUndefined();
    expect(strayMaps({ fs: { command: 'x', timeout: 1 } }, maps)).toEqual(['own']);
  });

  it.each([
    { fs: '@modelcontextprotocol/server-filesystm' },
    { fs: { read: { path: 'fs.read' } } },
    { fs: { read: { '/path': 'fs.execute' } } },
    { fs: { read: { '/path': [] } } },
    { fs: { read: { '/a~2': 'fs.read' } } },
    { fs: { read: 'fs.read' } },
  ])('are refused where they say nothing: %j', (given) => {
    expect(mapsSchema.safeParse(given).success).toBe(false);
  });

  it('that are shipped name every tool of the servers they are for, and only arguments that these have', async () => {
    const servers = [
      ['@modelcontextprotocol/server-filesystem', filesystem('/tmp')],
      ['@modelcontextprotocol/server-everything', everything],
    ] as const;
    for (const [name, config] of servers) {
      const up = upstream('u', config);
      const tools = await up.tools();
      await up.close();
      const map = SHIPPED.get(name)!;
      for (const tool of tools) {
        expect(Object.hasOwn(map, tool.name), tool.name).toBe(true);
        const properties = Object.keys((tool.inputSchema.properties ?? {}) as object);
        const mapped = Object.keys(map[tool.name]!).map((pointer) => pointer.split('/')[1]!);
        expect(properties).toEqual(expect.arrayContaining(mapped));
        // A path or URL by any other name would go unseen.
        const suspicious = properties.filter((each) =>
          /^(\w+_)?(paths?|files?|source|destination|folder|dir|uris?|urls?)$/i.test(each),
        );
        expect(mapped).toEqual(expect.arrayContaining(suspicious));
      }
    }
  });
});
