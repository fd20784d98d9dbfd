/** The published "everything" server behind the gateway, over stdio and over Streamable HTTP, for clients of both eras. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpConfig } from '../../../src/edge/gateway/config.ts';
import { agent, errorOf, type World, world } from './host.ts';
import { everything, hostile, NODE, textOf, until, upstream } from './upstreams.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number }; // a TCP server's
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let web: HttpConfig;
let server: ChildProcess;
let host: World;

async function startWeb(port: number): Promise<void> {
  const child = spawn(NODE, [...(everything.args ?? []), 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  });
  server = child;
  await until(
    () =>
      fetch(`http://127.0.0.1:${port}/mcp`).then(
        () => true,
        () => false,
      ),
    10_000,
  );
}

beforeAll(async () => {
  const port = await freePort();
  web = { url: `http://127.0.0.1:${port}/mcp`, timeout: 5_000 };
  await startWeb(port);
  host = world({
    upstreams: { all: everything, web },
    maps: { all: '@modelcontextprotocol/server-everything' },
  });
  host.law.grant('any', {
    permissions: {
      'tool.call': ['**'],
      'mcp.prompt': ['all/*'],
      'mcp.resource': ['all'],
      'net.fetch': ['https://example.com/**'],
    },
  });
  host.law.grant('echo', { permissions: { 'tool.call': ['*/echo'] } });
});
afterAll(async () => {
  await host.close();
  server.kill();
});

describe.each(['earlier', 'modern'] as const)('a client of the %s era', (era) => {
  it('lists and calls what is permitted of both', async () => {
    const client = await host.client(agent('echo'), era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['root', 'all__echo', 'web__echo']);
    for (const name of ['all__echo', 'web__echo']) {
      expect(await client.callTool({ name, arguments: { message: 'hi' } })).toMatchObject({
        content: [{ text: 'Echo: hi' }],
      });
      expect(
        errorOf(await client.callTool({ name: name.replace('echo', 'get-sum'), arguments: { a: 1, b: 2 } })).code,
      ).toBe('PERMISSION_DENIED');
    }
  });

  it('gets structured results, images and links unchanged', async () => {
    const client = await host.client(agent('any'), era);
    for (const [name, args] of [
      ['get-structured-content', { location: 'Chicago' }],
      ['get-tiny-image', {}],
      ['get-resource-links', { count: 2 }],
      ['get-annotated-message', { messageType: 'error' }],
    ] as const) {
      const direct = await host.gateway.servers[0]!.upstream.call({ name, arguments: args });
      expect(await client.callTool({ name: `all__${name}`, arguments: args })).toMatchObject(
        JSON.parse(JSON.stringify(direct)),
      );
    }
  });

  it.each(['all', 'web'])('has progress of %s passed on', async (name) => {
    const client = await host.client(agent('any'), era);
    const seen: number[] = [];
    const call = { name: `${name}__trigger-long-running-operation`, arguments: { duration: 0.3, steps: 3 } };
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
    // The two lines of the SDK take options at different places.
    const result =
      era === 'earlier'
        ? client.callTool(call, undefined, { onprogress })
        : client.callTool(call, { onprogress } as never);
    expect(textOf((await result) as never)).toContain('completed');
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('a URL', () => {
  it('is judged and forwarded as it is parsed', async () => {
    const client = await host.client(agent('any'));
    const call = (data: string) =>
      client.callTool({ name: 'all__gzip-file-as-resource', arguments: { name: 'x', data } });
    expect(errorOf(await call('https://example.com@evil.example/')).code).toBe('PERMISSION_DENIED');
    expect(errorOf(await call('http://example.com/')).code).toBe('PERMISSION_DENIED');
    expect(errorOf(await call('data:text/plain,x')).code).toBe('PERMISSION_DENIED');
    expect(errorOf(await client.callTool({ name: 'all__gzip-file-as-resource', arguments: { name: 'x' } })).code).toBe(
      'INVALID_REQUEST',
    );
  });
});

describe('prompts and resources', () => {
  it('are there where a permission names them', async () => {
    const client = await host.client(agent('any'));
    const prompts = (await client.listPrompts()).prompts.map(({ name }) => name);
    expect(prompts).toContain('all__simple-prompt');
    expect(prompts.some((name) => name.startsWith('web__'))).toBe(false);
    expect(
      (await client.getPrompt({ name: 'all__args-prompt', arguments: { city: 'Ulm' } })).messages[0]?.content,
    ).toMatchObject({ text: expect.stringContaining('Ulm') });
    expect((await client.listResources()).resources.length).toBeGreaterThan(3);
    expect((await client.listResourceTemplates()).resourceTemplates.length).toBeGreaterThan(0);
    const uri = 'demo://resource/dynamic/text/1';
    expect((await client.readResource({ uri })).contents[0]).toMatchObject({ uri, text: expect.any(String) });
    expect(host.law.entries.slice(-2)).toMatchObject([
      { capability: 'mcp.prompt', tool: null },
      { capability: 'mcp.resource', code: null },
    ]);
  });

  it('are not where none does', async () => {
    const client = await host.client(agent('echo'));
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['own']);
    expect((await client.listResources()).resources.map(({ name }) => name)).toEqual(['own']);
    expect((await client.listResourceTemplates()).resourceTemplates).toEqual([]);
    await expect(client.getPrompt({ name: 'all__simple-prompt' })).rejects.toMatchObject({
      data: { error: { code: 'PERMISSION_DENIED' } },
    });
    await expect(client.readResource({ uri: 'demo://resource/dynamic/text/1' })).rejects.toThrow('not found');
  });
});

describe('a server over HTTP', () => {
  it('may be gone and come back', async () => {
    const client = await host.client(agent('echo'));
    const echo = () => client.callTool({ name: 'web__echo', arguments: { message: 'hi' } });
    server.kill('SIGKILL');
    await until(() => server.exitCode !== null || server.signalCode !== null);
    expect(errorOf(await echo())).toMatchObject({ code: 'UPSTREAM_FAILED', retryable: true });
    await startWeb(Number(new URL(web.url).port));
    await until(async () => !(await echo()).isError, 10_000);
  });

  it('that sends too much is refused, and reads no more than that', async () => {
    const { createServer: http } = await import('node:http');
    let sent = 0;
    const big = http((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const { id, method, params } = body ? JSON.parse(body) : {};
        const answer = (result: object) => {
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        };
        if (method === undefined) response.writeHead(405).end();
        else if (id === undefined) response.writeHead(202).end();
        else if (method === 'initialize')
          answer({
            protocolVersion: '2025-06-18',
            capabilities: { tools: {} },
            serverInfo: { name: 'b', version: '1' },
          });
        else {
          const events = params.name === 'events';
          response.setHeader('content-type', events ? 'text/event-stream' : 'application/json');
          response.write(events ? 'event: message\ndata: {"x":"' : '{"x":"');
          const more = () => {
            while (sent < 500_000_000 && response.write('x'.repeat(1 << 16))) sent += 1 << 16;
            response.once('drain', more);
          };
          more();
        }
      });
    });
    await new Promise<void>((resolve) => big.listen(0, '127.0.0.1', resolve));
    const { port } = big.address() as { port: number }; // a TCP server's
    const up = upstream('big', { url: `http://127.0.0.1:${port}/`, timeout: 5_000 });
    for (const name of ['json', 'events']) {
      sent = 0;
      await expect(up.call({ name, arguments: {} })).rejects.toMatchObject({
        code: 'UPSTREAM_FAILED',
        message: expect.stringContaining('more than'),
      });
      expect(sent).toBeLessThan(60_000_000);
    }
    await up.close();
    big.closeAllConnections();
    big.close();
  });
});

describe('an upstream of 2026-07-28', () => {
  it('is spoken to in its way', async () => {
    const up = upstream('m', { ...hostile(), args: [join(import.meta.dirname, 'modern.ts')] });
    expect((await up.tools()).map(({ name }) => name)).toEqual(['step', 'ask']);
    const seen: number[] = [];
    const result = await up.call({
      name: 'step',
      arguments: { a: 1 },
      progress: ({ progress }) => seen.push(progress),
    });
    expect(result).toMatchObject({ content: [{ type: 'text', text: '{"a":1}' }], extra: { kept: true } });
    expect(seen).toEqual([1]);
    await expect(up.call({ name: 'ask', arguments: {} })).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' });
    await up.close();
  });
});

describe('a prompt that the map names', () => {
  it('touches what the tool of that name does', async () => {
    const maps = { mapped: { 'args-prompt': { '/city': 'net.fetch' } } } as const;
    const at = world({ upstreams: { mapped: everything }, maps });
    const permissions = { 'mcp.prompt': ['**'], 'net.fetch': ['https://example.com/a/**'] };
    at.law.grant('some', { permissions });
    const client = await at.client(agent('some'));
    const ask = (args: Record<string, string>, name = 'mapped__args-prompt') =>
      client.getPrompt({ name, arguments: args });
    const text = JSON.stringify(await ask({ city: 'https://EXAMPLE.com/b/../a/x' }));
    expect(text).toContain('https://example.com/a/x');
    for (const [args, code] of [
      [{ city: 'https://example.com/b' }, 'PERMISSION_DENIED'],
      [{ city: 'https://example.com/a/../b' }, 'PERMISSION_DENIED'],
      [{}, 'INVALID_REQUEST'],
    ] as const) {
      await expect(ask(args as Record<string, string>)).rejects.toMatchObject({ data: { error: { code } } });
      expect(at.law.entries.at(-1)).toMatchObject({ capability: 'mcp.prompt', code });
    }
    expect((await ask({}, 'mapped__simple-prompt')).messages).toHaveLength(1);
    await at.close();
  });
});

describe('shadow mode', () => {
  beforeAll(() => {
    host.law.isShadow = true;
  });
  afterAll(() => {
    host.law.isShadow = false;
  });

  it('shows what is not permitted, so that it is tried and recorded', async () => {
    const client = await host.client(agent('echo'));
    const tools = (await client.listTools()).tools.map(({ name }) => name);
    expect(tools).toEqual(expect.arrayContaining(['all__get-sum', 'web__get-sum', 'all__gzip-file-as-resource']));
    const prompts = (await client.listPrompts()).prompts.map(({ name }) => name);
    expect(prompts).toEqual(expect.arrayContaining(['all__simple-prompt', 'web__simple-prompt']));
    const uri = 'demo://resource/dynamic/text/1';
    expect((await client.listResources()).resources.length).toBeGreaterThan(3);
    expect((await client.listResourceTemplates()).resourceTemplates.length).toBeGreaterThan(1);
    const before = host.law.entries.length;
    const sum = await client.callTool({ name: 'all__get-sum', arguments: { a: 1, b: 2 } });
    expect(textOf(sum as never)).toContain('3');
    expect((await client.getPrompt({ name: 'web__simple-prompt' })).messages).toHaveLength(1);
    expect((await client.readResource({ uri })).contents).toHaveLength(1);
    expect(host.law.entries.slice(before).map(({ capability, code }) => [capability, code])).toEqual([
      ['tool.call', 'PERMISSION_DENIED'],
      ['mcp.prompt', 'PERMISSION_DENIED'],
      ['mcp.resource', 'PERMISSION_DENIED'],
    ]);
  });

  it('takes no resource from the server that is permitted', async () => {
    host.law.grant('second', { permissions: { 'mcp.resource': ['web'] } });
    const client = await host.client(agent('second'));
    await client.readResource({ uri: 'demo://resource/dynamic/text/1' });
    expect(host.law.entries.at(-1)).toMatchObject({ capability: 'mcp.resource', code: null });
  });

  it('shows nothing to those whose authority has ended', async () => {
    host.law.grant('over', { permissions: { 'tool.call': ['**'] } });
    const client = await host.client(agent('over'));
    expect((await client.listTools()).tools.length).toBeGreaterThan(1);
    host.law.revoke('over');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['root']);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['own']);
    expect((await client.listResources()).resources.map(({ name }) => name)).toEqual(['own']);
    expect(errorOf(await client.callTool({ name: 'all__echo', arguments: {} })).code).toBe('ARTIFACT_REVOKED');
  });
});
