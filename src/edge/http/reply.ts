/** What goes back: JSON with a true status, never kept by anybody in between. */
import type { ServerResponse } from 'node:http';
import type { Code, Refusal } from '../../base/refusal.ts';
import { refusalBody } from '../mcp/result.ts';

export type Answer =
  | { readonly json: object }
  | { readonly text: string; readonly type: string }
  | { readonly bytes: Uint8Array; readonly type: string }
  /** Takes the response over, until its end. */
  | { stream(response: ServerResponse): void };

export const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

const JSON_TYPE = 'application/json';
/** Content type of every answer that is streamed. */
const STREAM_TYPE = 'text/event-stream';

/** What a status asks to be said beside the body. */
const BESIDE: { readonly [code in Code]?: { readonly [header: string]: string } } = {
  UNAUTHENTICATED: { 'www-authenticate': 'Bearer' },
  TOKEN_INVALID: { 'www-authenticate': 'Bearer' },
  RATE_LIMITED: { 'retry-after': '1' },
  CHAIN_CONTENDED: { 'retry-after': '1' },
};

export function send(response: ServerResponse, answer: Answer): void {
  if ('stream' in answer) {
    // What has no end never ends without a body either (RFC 9110 section 9.3.2).
    if (response.req.method === 'HEAD') response.writeHead(200, { ...HEADERS, 'content-type': STREAM_TYPE }).end();
    else answer.stream(response);
    return;
  }
  if ('json' in answer) write(response, 200, JSON_TYPE, JSON.stringify(answer.json));
  else write(response, 200, answer.type, 'text' in answer ? answer.text : answer.bytes);
}

export function sendRefusal(
  response: ServerResponse,
  refusal: Refusal,
  more: { readonly [header: string]: string } = {},
): void {
  const headers = { ...BESIDE[refusal.code], ...more };
  write(response, refusal.status, JSON_TYPE, JSON.stringify(refusalBody(refusal)), headers);
}

function write(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
  more: object = {},
): void {
  // One buffer and a length: one packet, and no chunks.
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': bytes.length, ...more });
  response.end(bytes);
}
