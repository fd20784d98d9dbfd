/** A call goes on to its upstream with the trace that it came with (W3C Trace Context). */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { UpstreamConfig } from '../../../src/edge/gateway/config.ts';
import { agent, type World, world } from './host.ts';
import { NODE, textOf } from './upstreams.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** An upstream whose one tool says what came beside the arguments. */
const answers = `(message) => ({
  initialize: () => ({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1' } }),
  'tools/list': () => ({ tools: [{ name: 'meta', inputSchema: { type: 'object' } }] }),
  'tools/call': () => ({ content: [{ type: 'text', text: JSON.stringify(message.params._meta ?? null) }] }),
})[message.method]?.()`;

const overStdio = `
const answer = ${answers};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message) ?? {} }));
});`;

interface Heard {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

async function overHttp(heard: Heard[]): Promise<string> {
  const answer = new Function(`return ${answers}`)() as (message: object) => unknown;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const message = JSON.parse(body);
    heard.push({ method: message.method, headers: request.headers });
    if (message.id === undefined) return void response.writeHead(202).end();
    const result = answer(message) ?? {};
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

function open(upstream: UpstreamConfig): World {
  const made = world({ upstreams: { echo: upstream } });
  made.law.grant('all', { permissions: { 'tool.call': ['**'] } });
  closing.push(() => made.close());
  return made;
}

const called = async (at: World, traceparent?: string): Promise<unknown> => {
  const client = await at.client(agent('all'));
  const _meta = { 'claudecode/toolUseId': 'x', ...(traceparent !== undefined && { traceparent }) };
  const result = await client.callTool({ name: 'echo__meta', arguments: {}, _meta });
  return JSON.parse(textOf(result as Parameters<typeof textOf>[0]));
};

it('in _meta over stdio, and nothing else of what came beside it', async () => {
  const at = open({ command: NODE, args: ['-e', overStdio], timeout: 10_000 });
  expect(await called(at, TRACE)).toEqual({ traceparent: TRACE });
  expect(await called(at)).toBeNull();
  expect(await called(at, 'no trace')).toBeNull();
});

it('in _meta and as a header over HTTP, of this call alone', async () => {
  const heard: Heard[] = [];
  const at = open({ url: await overHttp(heard), timeout: 10_000 });
  expect(await called(at, TRACE)).toEqual({ traceparent: TRACE });
  expect(await called(at)).toBeNull();
  const calls = heard.filter(({ method }) => method === 'tools/call');
  expect(calls.map(({ headers }) => headers.traceparent)).toEqual([TRACE, undefined]);
  expect(heard.filter(({ headers }) => headers.traceparent !== undefined)).toHaveLength(1);
});
