/** The published filesystem server behind the gateway: what a scope permits of it, and every way around that. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '#digest';
import type { ToolResult } from '../../../src/edge/mcp/session.ts';
import { directory } from '../../scratch.ts';
import { agent, errorOf, type World, world } from './host.ts';
import { filesystem } from './upstreams.ts';

const base = directory();
const at = (path: string) => join(base, path);
mkdirSync(at('ws/sub'), { recursive: true });
mkdirSync(at('secret'));
writeFileSync(at('ws/a.txt'), 'content of a');
writeFileSync(at('secret/key'), 'the key');
symlinkSync(at('secret'), at('ws/link'));

let host: World;
beforeAll(() => {
  // The server itself may read everything: what stops a call is the gateway.
  host = world({
    upstreams: { files: filesystem(base), plain: filesystem(base) },
    maps: { files: '@modelcontextprotocol/server-filesystem' },
  });
  const folder = [at('ws/**')];
  host.law.grant('reader', { permissions: { 'tool.call': ['files/*'], 'fs.read': folder } });
  host.law.grant('writer', { permissions: { 'tool.call': ['files/*'], 'fs.read': folder, 'fs.write': folder } });
  host.law.grant('child', { permissions: { 'tool.call': ['files/read_*'], 'fs.read': [at('ws/sub/**')] } }, 'writer');
  host.law.grant('unmapped', {
    permissions: { 'tool.call': ['plain/*'] },
    argument_rules: [{ tool: 'plain/read_text_file', arguments: { path: { under: at('ws') } } }],
  });
});
afterAll(() => host.close());

async function call(name: string, args: object | undefined, as = 'writer'): Promise<ToolResult> {
  const client = await host.client(agent(as));
  return (await client.callTool({
    name,
    ...(args && { arguments: args as { [name: string]: unknown } }),
  })) as unknown as ToolResult;
}
const text = (result: ToolResult) => String(result.content[0]?.text);

describe('a list', () => {
  const names = async (as: string) => (await (await host.client(agent(as))).listTools()).tools.map(({ name }) => name);

  it('shows what could be permitted, under its name here and otherwise unchanged', async () => {
    const all = await names('writer');
    expect(all).toContain('files__write_file');
    expect(all.some((name) => name.startsWith('plain__'))).toBe(false);
    const reader = await names('reader');
    expect(reader).toContain('files__read_text_file');
    expect(reader).not.toContain('files__write_file');
    expect((await names('child')).sort()).toEqual([
      'files__read_file',
      'files__read_media_file',
      'files__read_multiple_files',
      'files__read_text_file',
      'root',
    ]);
    const { tools } = await (await host.client(agent('reader'))).listTools();
    const [own] = (await host.gateway.servers[0]!.upstream.tools()).filter(({ name }) => name === 'read_text_file');
    expect(tools.find(({ name }) => name === 'files__read_text_file')).toEqual({
      ...own,
      name: 'files__read_text_file',
    });
  });
});

describe('a permitted call', () => {
  it('has the very result of the server', async () => {
    const direct = await host.gateway.servers[0]!.upstream.call({
      name: 'read_text_file',
      arguments: { path: at('ws/a.txt') },
    });
    expect(await call('files__read_text_file', { path: at('ws/a.txt') }, 'reader')).toEqual(direct);
    expect(text(direct)).toBe('content of a');
  });

  it('writes', async () => {
    expect(text(await call('files__write_file', { path: at('ws/new.txt'), content: 'x' }))).toContain('Successfully');
    expect(readFileSync(at('ws/new.txt'), 'utf8')).toBe('x');
  });

  it('is one of many files, all of which are permitted', async () => {
    expect(text(await call('files__read_multiple_files', { paths: [at('ws/a.txt')] }))).toContain('content of a');
    expect(text(await call('files__list_allowed_directories', undefined))).toContain(base);
  });

  it('has its decision on the chain, with a digest for its arguments', async () => {
    host.law.entries.length = 0;
    await call('files__read_text_file', { path: at('ws/a.txt') }, 'reader');
    const argumentsDigest = sha256Hex(`{"path":${JSON.stringify(at('ws/a.txt'))}}`);
    expect(host.law.entries).toEqual([
      {
        artifact: 'reader',
        code: null,
        tool: 'files/read_text_file',
        capability: 'tool.call',
        argumentsDigest,
        requestId: expect.any(Number),
      },
    ]);
  });
});

describe('a way around', () => {
  const secret = at('secret/key');

  it.each<[string, string, object]>([
    ['a path outside', 'read_text_file', { path: secret }],
    ['a path in a list', 'read_multiple_files', { paths: [at('ws/a.txt'), secret] }],
    ['a list where a path belongs', 'read_text_file', { path: [secret] }],
    ['a path in an object', 'read_text_file', { path: { path: secret } }],
    ['a path under another key', 'read_text_file', { path: at('ws/a.txt'), file: secret }],
    ['a key that differs in case', 'read_text_file', { path: at('ws/a.txt'), Path: secret }],
    ['a parent segment', 'read_text_file', { path: `${at('ws')}/../secret/key` }],
    ['a dot segment', 'read_text_file', { path: `${at('ws')}/./a.txt` }],
    ['an empty segment', 'read_text_file', { path: `${at('ws')}//a.txt` }],
    ['a percent-encoded parent', 'read_text_file', { path: `${at('ws')}/%2e%2e/secret/key` }],
    ['a percent-encoded slash', 'read_text_file', { path: `${at('ws')}/..%2fsecret%2Fkey` }],
    ['full-width characters', 'read_text_file', { path: `${at('ws')}/．．/secret/key` }],
    ['a full-width slash', 'read_text_file', { path: `${at('ws')}／..／secret/key` }],
    ['a two dot leader', 'read_text_file', { path: `${at('ws')}/‥/secret/key` }],
    ['a backslash', 'read_text_file', { path: `${at('ws')}\\..\\secret\\key` }],
    ['a relative path', 'read_text_file', { path: 'ws/a.txt' }],
    ['a home path', 'read_text_file', { path: '~/.ssh/id_rsa' }],
    ['a null character', 'read_text_file', { path: `${at('ws/a.txt')}\u0000.png` }],
    ['decomposed characters', 'read_text_file', { path: at('ws/e\u0301.txt') }],
    ['a file URL', 'read_text_file', { path: `file://${secret}` }],
    ['a neighbour whose name begins alike', 'read_text_file', { path: at('ws2/a.txt') }],
    ['a symbolic link', 'read_text_file', { path: at('ws/link/key') }],
    ['a symbolic link to what is not there yet', 'write_file', { path: at('ws/link/new'), content: 'x' }],
    ['a link in a list', 'read_multiple_files', { paths: [at('ws/a.txt'), at('ws/link/key')] }],
    ['a move out', 'move_file', { source: at('ws/a.txt'), destination: at('secret/a.txt') }],
    ['a move in', 'move_file', { source: secret, destination: at('ws/key') }],
    ['no path', 'read_text_file', {}],
    ['a tool that nobody mapped', 'read_anything', { path: at('ws/a.txt') }],
    ['a tool name with a path in it', '../plain/read_text_file', { path: secret }],
  ])('by %s is refused, and the server never sees it', async (_, tool, args) => {
    host.law.entries.length = 0;
    const { code } = errorOf(await call(`files__${tool}`, args));
    expect(['PERMISSION_DENIED', 'INVALID_REQUEST']).toContain(code);
    expect(host.law.entries).toMatchObject([{ code, artifact: 'writer' }]);
    expect(readFileSync(secret, 'utf8')).toBe('the key');
  });

  it('by a name of the object prototype is refused', async () => {
    for (const tool of ['constructor', '__proto__', 'toString']) {
      expect(errorOf(await call(`files__${tool}`, {})).code).toBe('PERMISSION_DENIED');
    }
  });

  it('by a duplicate key is refused before anybody reads it', async () => {
    const raw = host.raw(agent('reader'));
    host.law.entries.length = 0;
    const args = `{"path":${JSON.stringify(at('ws/a.txt'))},"path":${JSON.stringify(secret)}}`;
    raw.send(
      `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"files__read_text_file","arguments":${args}}}`,
    );
    raw.send(
      '{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"files__read_text_file","arguments":{"__proto__":{"path":"/"}}}}',
    );
    const answers = () => raw.received.filter(({ id }) => id === 5 || id === 6);
    await expect.poll(answers).toHaveLength(2);
    for (const { result } of answers()) expect(errorOf(result).code).toBe('INVALID_REQUEST');
    expect(host.law.entries).toEqual([]);
  });

  it('by a child of somebody who may is refused', async () => {
    expect(errorOf(await call('files__read_text_file', { path: at('ws/a.txt') }, 'child')).code).toBe(
      'PERMISSION_DENIED',
    );
    expect(errorOf(await call('files__write_file', { path: at('ws/sub/x'), content: '' }, 'child')).code).toBe(
      'PERMISSION_DENIED',
    );
  });

  it('by another server with the same tools is refused', async () => {
    expect(errorOf(await call('plain__read_text_file', { path: at('ws/a.txt') })).code).toBe('PERMISSION_DENIED');
  });
});

describe('a rule, where no map binds', () => {
  it('follows links as a map does', async () => {
    expect(text(await call('plain__read_text_file', { path: at('ws/a.txt') }, 'unmapped'))).toBe('content of a');
    expect(errorOf(await call('plain__read_text_file', { path: at('ws/link/key') }, 'unmapped')).code).toBe(
      'PERMISSION_DENIED',
    );
    expect(errorOf(await call('plain__read_text_file', { path: at('ws/a.txt'), head: 1 }, 'unmapped')).code).toBe(
      'INVALID_REQUEST',
    );
  });
});
