/** `/mcp`: Streamable HTTP in both protocol eras. A request is judged by the same rules as every other before the SDK sees it. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createMcpHandler } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { Json } from '../../base/canonical.ts';
import { type ServerInfo, serverFor } from '../mcp.ts';
import type { Session } from '../session.ts';
import { HEADERS } from './reply.ts';
import { type Ask, type Route, route } from './route.ts';

type McpAsk = Pick<Ask<Json>, 'url' | 'headers' | 'body' | 'caller' | 'token'>;

export type McpConnection = Pick<McpAsk, 'caller' | 'url' | 'token'>;

export interface McpEndpoint {
  answer(ask: McpAsk, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

export const mcpRoute = (endpoint: McpEndpoint): Route =>
  route({
    method: 'POST',
    path: '/mcp',
    summary: 'MCP over Streamable HTTP, revisions up to 2025-11-25 and 2026-07-28',
    access: 'bearer',
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
  const handler = createMcpHandler(
    // `answer` below puts the caller there, and nobody else can.
    ({ authInfo }) => serverFor(info, { session: session(authInfo?.extra?.connection as McpConnection), report }),
    { onerror: (error) => report(error.message) },
  );
  return {
    async answer({ url, headers, body, caller, token }, response) {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const request = new Request(url, { method: 'POST', headers: plain(headers), body: '{}', signal: gone.signal });
      const authInfo = {
        token: '',
        clientId: caller.artifact ?? 'operator',
        scopes: [],
        extra: { connection: { caller, url, token } },
      };
      const answer = await handler.fetch(request, { authInfo, parsedBody: body });
      response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), ...HEADERS });
      if (!answer.body) return void response.end();
      Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]) // the same class under two names
        .on('error', () => response.destroy())
        .pipe(response);
    },
    close: () => handler.close(),
  };
}

/** Without what belongs to the connection, and without the secret. */
function plain(headers: McpAsk['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !['authorization', 'content-length', 'host'].includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}
