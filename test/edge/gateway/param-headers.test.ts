import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { headerParams, paramHeaders } from '../../../src/edge/gateway/param-headers.ts';
import { upstream } from './upstreams.ts';

const schema = (properties: object, rest: object = {}) =>
  JSON.parse(JSON.stringify({ type: 'object', properties, ...rest }));
const marked = (header: unknown, type = 'string') => ({ type, 'x-mcp-header': header });

describe('properties that are wanted as headers', () => {
  it('are found at any depth of properties', () => {
    const region = marked('Region');
    const nested = { type: 'object', properties: { tenant: marked('Tenant', 'integer') } };
    expect(headerParams(schema({ region, nested, plain: { type: 'string' } }))).toEqual([
      { header: 'Region', path: ['region'] },
      { header: 'Tenant', path: ['nested', 'tenant'] },
    ]);
    expect(headerParams(schema({ 'x-mcp-header': { type: 'string' }, default: marked('D') }))).toEqual([
      { header: 'D', path: ['default'] },
    ]);
    expect(headerParams(schema({ a: { type: 'string', default: { 'x-mcp-header': 'no mark' } } }))).toEqual([]);
  });

  it.each([
    ['a list', schema({ a: { type: 'array', items: marked('A') } })],
    ['a choice', schema({ a: { anyOf: [marked('A')] } })],
    ['a definition', schema({}, { $defs: { a: marked('A') } })],
    ['the root', { ...schema({}), 'x-mcp-header': 'A' }],
    ['a number', schema({ a: marked('A', 'number') })],
    ['an object', schema({ a: marked('A', 'object') })],
    ['no token', schema({ a: marked('A\r\nCookie: x') })],
    ['no text', schema({ a: marked(1) })],
    ['one name twice', schema({ a: marked('A'), b: marked('a') })],
  ])('may not be in %s', (_, bad) => {
    expect(headerParams(bad)).toBeUndefined();
  });
});

describe('their values', () => {
  const params = ['a', 'b', 'c'].map((name) => ({ header: name.toUpperCase(), path: [name] }));
  it('stand as they are where a header can hold them', () => {
    expect(paramHeaders(params, { a: 'eu west', b: true, c: 7 })).toEqual({
      'Mcp-Param-A': 'eu west',
      'Mcp-Param-B': 'true',
      'Mcp-Param-C': '7',
    });
  });

  it.each(['', ' a', 'a ', 'ü', 'a\r\nX: y', '=?base64?YQ==?='])('are written in base64 otherwise: %j', (a) => {
    const [value = ''] = Object.values(paramHeaders(params, { a }));
    expect(Buffer.from(/^=\?base64\?(.*)\?=$/.exec(value)?.[1] ?? '', 'base64').toString()).toBe(a);
  });

  it('that are absent, null, too large or no simple value are left out', () => {
    expect(paramHeaders(params, { a: null, b: { c: 1 }, c: 1e300 })).toEqual({});
    expect(paramHeaders([{ header: 'X', path: ['constructor', 'name'] }], {})).toEqual({});
    expect(paramHeaders(params, undefined)).toEqual({});
  });
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it('reach a server of 2026-07-28 that asks for them', async () => {
  const heard: (string | undefined)[] = [];
  const inputSchema = z.strictObject({ region: z.string().meta({ 'x-mcp-header': 'Region' }) });
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'routed', version: '1' });
      server.registerTool('where', { inputSchema }, ({ region }) => ({ content: [{ type: 'text', text: region }] }));
      server.registerTool(
        'bad',
        { inputSchema: z.strictObject({ n: z.number().meta({ 'x-mcp-header': 'N' }) }) },
        () => ({
          content: [],
        }),
      );
      return server;
    },
    { legacy: 'reject' },
  );
  const server = createServer(async (request, response) => {
    heard.push(request.headers['mcp-param-region'] as string | undefined); // sent once
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const { method = 'GET' } = request;
    const body = method === 'POST' ? { body: await text(request) } : {};
    const answer = await handler.fetch(new Request('http://127.0.0.1/mcp', { method, headers, ...body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    for await (const part of answer.body ?? []) response.write(part);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const up = upstream('routed', {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    timeout: 5_000,
  });
  closing.push(() => up.close());
  expect((await up.tools()).map(({ name }) => name)).toEqual(['where']);
  const result = await up.call({ name: 'where', arguments: { region: 'Köln' } });
  expect(result.content).toEqual([{ type: 'text', text: 'Köln' }]);
  expect(heard.at(-1)).toBe('=?base64?S8O2bG4=?=');
});
