/**
 * An upstream over Streamable HTTP: the transport of the MCP SDK, behind a `fetch` that bounds what is read.
 *
 * The SDK collects an answer, and an event of a stream, whole. So both are counted as they come in, and one that is too
 * large is reported as lost and read no further.
 */
import { type FetchLike, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { isId, type RpcId } from '../mcp/rpc.ts';
import { MAX_MESSAGE_BYTES, type UpstreamTransport } from './child.ts';
import type { HttpConfig } from './config.ts';
import { patiently } from './patience.ts';

type Lost = (id: RpcId) => void;

const GOODBYE_MS = 500;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export function httpTransport({ url, headers = {} }: HttpConfig): UpstreamTransport {
  const transport: UpstreamTransport & StreamableHTTPClientTransport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers },
    fetch: boundedFetch((id) => transport.onlost?.(id, `sent more than ${MAX_MESSAGE_BYTES} bytes`)),
  });
  const close = transport.close.bind(transport);
  transport.close = async () => {
    // A server keeps a session until it is told, or for ever.
    if (transport.sessionId !== undefined) await patiently(transport.terminateSession(), GOODBYE_MS).catch(() => {});
    await close();
  };
  return transport;
}

function boundedFetch(lost: Lost): FetchLike {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.body === null) return response;
    const id = requestId(init?.body);
    const events = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const count = events ? eventCounter() : byteCounter();
    const bounded = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (count(chunk) <= MAX_MESSAGE_BYTES) {
          controller.enqueue(chunk);
          return;
        }
        if (id !== undefined) lost(id);
        controller.error(new Error(`the answer is larger than ${MAX_MESSAGE_BYTES} bytes`));
      },
    });
    const { status, statusText } = response;
    return new Response(response.body.pipeThrough(bounded), { status, statusText, headers: response.headers });
  };
}

function byteCounter(): (chunk: Uint8Array) => number {
  let bytes = 0;
  return (chunk) => (bytes += chunk.length);
}

/** Bytes since the last empty line, at which an event of a stream ends. */
function eventCounter(): (chunk: Uint8Array) => number {
  let bytes = 0;
  let empty = true;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const isEmpty = empty && (end === start || (end === start + 1 && chunk[start] === RETURN));
      bytes = isEmpty ? 0 : bytes + end + 1 - start;
      if (bytes > MAX_MESSAGE_BYTES) return bytes;
      empty = true;
      start = end + 1;
    }
    if (start < chunk.length) {
      bytes += chunk.length - start;
      empty = chunk.length - start === 1 && chunk[start] === RETURN;
    }
    return bytes;
  };
}

/** Id of the request in a POST; the SDK sends one at a time. */
function requestId(body: unknown): RpcId | undefined {
  if (typeof body !== 'string') return undefined;
  // A cast: our own text.
  const { id, method } = JSON.parse(body) as { id?: unknown; method?: unknown };
  return method !== undefined && isId(id) ? id : undefined;
}
