/** `/mcp`: Streamable HTTP in both protocol eras. A request is judged by the same rules as every other before the SDK sees it. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { Json } from '../../base/canonical.ts';
import { type ServerInfo, serverFor } from '../mcp/server.ts';
import type { Session } from '../mcp/session.ts';
import { tracedBy } from '../mcp/trace.ts';
import { cancelling } from './cancelling.ts';
import { isListen, streamsOf } from './listening.ts';
import { HEADERS } from './reply.ts';
import { type Ask, type Route, route } from './route.ts';

type McpAsk = Pick<Ask<Json>, 'urls' | 'headers' | 'body' | 'caller' | 'token' | 'until'>;

export type McpConnection = Pick<McpAsk, 'caller' | 'urls' | 'token'>;

export interface McpEndpoint {
  answer(ask: McpAsk, response: ServerResponse): Promise<void>;
  /** Ends what would never end by itself. */
  endStreams(): Promise<void>;
  /** Aborts what is not answered yet. */
  close(): Promise<void>;
}

export const mcpRoute = (endpoint: McpEndpoint): Route =>
  route({
    method: 'POST',
    path: '/mcp',
    summary: 'MCP over Streamable HTTP, revisions up to 2025-11-25 and 2026-07-28',
    access: 'bearer',
    media: ['application/json', 'text/event-stream'],
    more: {
      202: { description: 'Taken: a notification is not answered' },
      default: {
        description: 'Refused, also in the words of JSON-RPC',
        content: { 'application/json': { schema: {} } },
      },
    },
    body: z.custom<Json>(),
    async answer(ask, { report }) {
      const failed = (response: ServerResponse) => (error: unknown) => {
        report(error);
        response.destroy();
      };
      return { stream: (response) => void endpoint.answer(ask, response).catch(failed(response)) };
    },
  });

export function mcpEndpoint(
  info: ServerInfo,
  session: (connection: McpConnection) => Session,
  report: (error: unknown) => void,
): McpEndpoint {
  const failed = (error: Error): void => report(error.message);
  // `answer` below puts the caller there, and nobody else can. Earlier eras have no stream that could tell of changes.
  const factory: McpServerFactory = ({ authInfo, era }) =>
    serverFor(info, { session: session(authInfo?.extra?.connection as McpConnection), report }, era === 'modern');
  const handler = createMcpHandler(factory, { onerror: failed });
  const streams = streamsOf(factory, failed);
  const cancels = cancelling();
  return {
    async answer({ urls, headers, body: sent, caller, token, until }, response) {
      const body = tracedBy(headers.traceparent, sent);
      const gone = new AbortController();
      const over = cancels.seen(token, body, () => gone.abort());
      response.once('close', () => {
        over();
        gone.abort();
      });
      const [url = ''] = urls;
      const request = new Request(url, { method: 'POST', headers: plain(headers), body: '{}', signal: gone.signal });
      const authInfo = {
        token: '',
        clientId: caller.artifact ?? 'operator',
        scopes: [],
        extra: { connection: { caller, urls, token } },
      };
      const left = until === null ? null : Math.max(0, until - Date.now());
      const listener = { caller, left, session: session({ caller, urls, token }) };
      const answer = isListen(body)
        ? await streams.open(request, body, { authInfo }, listener)
        : await handler.fetch(request, { authInfo, parsedBody: body });
      response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), ...HEADERS });
      if (!answer.body) return void response.end();
      Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]) // the same class under two names
        .on('error', () => response.destroy())
        .pipe(response);
    },
    endStreams: () => streams.close(),
    close: () => handler.close(),
  };
}

/** A client that accepts anything, or names nothing, accepts both (RFC 9110 section 12.5.1); the SDK wants them named. */
const acceptIn = ({ accept = '*/*' }: McpAsk['headers']) =>
  accept.includes('*/*') ? 'application/json, text/event-stream' : accept;

/** Without what belongs to the connection, and without the secret. */
function plain(headers: McpAsk['headers']): Record<string, string> {
  const said = { ...headers, accept: acceptIn(headers) };
  const kept = Object.entries(said).filter(([name]) => !['authorization', 'content-length', 'host'].includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}
