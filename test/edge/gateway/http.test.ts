/** An upstream over HTTP that does not answer a call as it should: the caller hears what happened, and nothing of what it said. */
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { upstream } from './upstreams.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Answers calls so, and all else as a server of the earlier eras. */
async function served(answer: (response: ServerResponse, id: unknown) => void): Promise<string> {
  const listener: RequestListener = async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    let body = '';
    for await (const chunk of request) body += chunk;
    const { id, method, params } = JSON.parse(body);
    if (method === 'tools/call') return answer(response, id);
    if (id === undefined) return response.writeHead(202).end();
    const hello = {
      protocolVersion: params.protocolVersion,
      capabilities: {},
      serverInfo: { name: 'web', version: '1' },
    };
    return response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, result: hello }));
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`; // a cast: it listens
}

async function refusalOf(answer: (response: ServerResponse, id: unknown) => void): Promise<unknown> {
  const headers = { Authorization: 'Bearer s3cret' };
  const up = upstream('web', { url: await served(answer), headers, timeout: 2_000 });
  closing.push(() => up.close());
  return up.call({ name: 'any', arguments: {} }).then(
    () => 'answered',
    ({ code, message }) => `${code} ${message}`,
  );
}

it.each([400, 401, 403, 404, 429, 500])('with HTTP %i says no more than that', async (status) => {
  const said = await refusalOf((response) => response.writeHead(status).end('{"error":"no such key: s3cret"}'));
  expect(said).toBe(`UPSTREAM_FAILED The upstream "web" answered with HTTP ${status}.`);
});

it('that sends it elsewhere is not followed there', async () => {
  const said = await refusalOf((response) => response.writeHead(307, { Location: 'http://127.0.0.1:9/' }).end());
  expect(said).toBe('UPSTREAM_FAILED The upstream "web" answered with HTTP 307.');
});

it.each([
  ['text/html', '<p>s3cret</p>'],
  ['application/json', 's3cret'],
  ['application/json', '{"jsonrpc":"2.0"'],
  ['application/json', '"s3cret"'],
])('as %s with %s is no answer', async (type, body) => {
  const said = await refusalOf((response) => response.writeHead(200, { 'Content-Type': type }).end(body));
  expect(said).toBe('UPSTREAM_FAILED The upstream "web" sent what is no answer.');
});

it('with an error that is none is malformed', async () => {
  const said = await refusalOf((response, id) =>
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(`{"jsonrpc":"2.0","id":${id},"error":{"code":1.5,"message":"no"}}`),
  );
  expect(said).toMatch(/^UPSTREAM_FAILED/);
});
