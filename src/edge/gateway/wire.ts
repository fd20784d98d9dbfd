/**
 * A connection to an upstream, shared by two: the MCP SDK's client, for the handshake of either era and for what the
 * upstream asks of us, and our own requests.
 *
 * Our requests do not go through the SDK's: it would read each answer with several schemas, hand on what those make of it
 * instead of what came, and take most of the time of a call. Requests wait for their answers in `pending.ts`; this file moves the messages.
 */
import {
  type JSONRPCMessage,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  type TransportSendOptions,
} from '@modelcontextprotocol/client';
import type { Json } from '../../base/canonical.ts';
import { sayUntrusted } from '../../base/certificate.ts';
import { Refusal } from '../../base/refusal.ts';
import type { RpcId } from '../mcp/rpc.ts';
import { Allowance } from './allowance.ts';
import type { UpstreamTransport } from './child.ts';
import { isOurs, PendingRequests, type Question } from './pending.ts';
import type { JsonObject } from './pointer.ts';

export interface RequestOptions extends Pick<Question, 'signal' | 'timeout' | 'progress'> {
  /** W3C `traceparent` of the work that this is a part of: in `_meta`, and where requests have headers, there too. */
  readonly trace?: string | undefined;
  /** Where a request has any: beside what the protocol itself puts there. */
  readonly headers?: { readonly [name: string]: string } | undefined;
}

export interface Wire extends UpstreamTransport {
  /** Members of `_meta` that revision 2026-07-28 wants in every message; absent in earlier ones. */
  envelope?: JsonObject;
  /** The result as it came, or what `PendingRequests.ask` throws. */
  request(method: string, params: JsonObject, options: RequestOptions): Promise<JsonObject>;
  /** Whether the upstream wants to see some arguments in headers too: over HTTP, since revision 2026-07-28. */
  readonly mirrors: boolean;
  /** Told of `notifications/.../list_changed`. */
  onchanged?: (method: string) => void;
  /** Whether the other side no longer knows this connection: new requests want a new one. */
  readonly isBroken: boolean;
  /** Closes as soon as nothing is waited for. */
  retire(): void;
}

/** Messages that answer nothing: more is an upstream out of control. */
const NOISE_BURST = 10_000;
const NOISE_PER_SECOND = 1_000;
/** Notifications that nobody here uses. */
const UNHEARD = new Set(['notifications/message', 'notifications/resources/updated', 'notifications/tasks/status']);

export function wireOver(inner: UpstreamTransport, name: string): Wire {
  const noise = new Allowance(NOISE_BURST, NOISE_PER_SECOND, performance.now());
  let broken = false;
  let retired = false;
  let loud = false;

  const asked = new PendingRequests(name, () => {
    if (retired && asked.isEmpty) void inner.close();
  });

  function isNoise(): boolean {
    if (!loud && noise.take(1, performance.now())) return false;
    // Over HTTP the end takes a goodbye, and what comes meanwhile is many times as much.
    if (!loud) {
      loud = true;
      wire.onerror?.(new Error('sends more than anybody asked for'));
      void wire.close();
    }
    return true;
  }

  function receive(message: JSONRPCMessage): void {
    // A cast: what was parsed from the wire is JSON.
    const { id, method, params, result, error } = message as { readonly [member: string]: Json };
    if (method === undefined && asked.answer(id, result, error)) return;
    if (isNoise()) return;
    // The caller no longer waits, and nobody else may see the answer, not even in a log.
    if (method === undefined && isOurs(id)) return;
    if (typeof method === 'string' && UNHEARD.has(method)) return;
    if (method === 'notifications/progress') asked.progress(params);
    else {
      if (typeof method === 'string' && method.endsWith('/list_changed')) wire.onchanged?.(method);
      wire.onmessage?.(message);
    }
  }

  const wire: Wire = {
    async start() {
      inner.onmessage = receive;
      inner.onerror = (error) => {
        if (!isNoise()) wire.onerror?.(error);
      };
      inner.onlost = (id, why) => {
        if (asked.fail(id, why)) return;
        wire.onmessage?.({ jsonrpc: '2.0', id, error: { code: -32000, message: `The upstream ${why}` } });
      };
      inner.onclose = () => {
        asked.failAll('ended before it answered');
        wire.onclose?.();
      };
      await inner.start();
    },
    send: (message, options) => inner.send(message, options),
    close: () => inner.close(),
    get isBroken() {
      return broken;
    },
    retire() {
      retired = true;
      if (asked.isEmpty) void inner.close();
    },
    get sessionId() {
      return inner.sessionId;
    },
    get mirrors() {
      return inner.hasPerRequestStream === true && wire.envelope !== undefined;
    },
    get hasPerRequestStream() {
      return inner.hasPerRequestStream ?? false;
    },
    setProtocolVersion: (version) => inner.setProtocolVersion?.(version),
    request(method, params, { signal, timeout, progress, trace: traceparent, headers }) {
      const stream = inner.hasPerRequestStream ? new AbortController() : undefined;
      return asked.ask({
        signal,
        timeout,
        progress,
        send(id) {
          const options: TransportSendOptions | undefined = stream && {
            requestSignal: stream.signal,
            onRequestStreamEnd: () => void asked.fail(id, 'ended the stream of its answer'),
            headers: { ...headers, ...(traceparent !== undefined && { traceparent }) },
          };
          const meta = {
            ...wire.envelope,
            ...(progress && { progressToken: id }),
            ...(traceparent !== undefined && { traceparent }),
          };
          const sent = Object.keys(meta).length === 0 ? params : { ...params, _meta: meta };
          inner
            .send({ jsonrpc: '2.0', id, method, params: sent } as JSONRPCMessage, options)
            .catch((error: unknown) => {
              // What was given up, or lost on the way, fails here too, and says nothing about the connection.
              broken ||= asked.has(id) && isSessionLost(error);
              asked.fail(id, whyOf(error));
            });
        },
        cancel(id, reason) {
          // Revision 2026-07-28 cancels by closing the stream, where there is one.
          if (!stream || !wire.envelope) void inner.send(cancelled(id, reason, wire.envelope)).catch(() => {});
          stream?.abort();
        },
      });
    },
  };
  return wire;
}

function cancelled(requestId: RpcId, reason: Error, envelope: JsonObject | undefined): JSONRPCMessage {
  const why = reason instanceof Refusal ? reason.code : 'CANCELLED';
  const params = { requestId, reason: why, ...(envelope && { _meta: envelope }) };
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params };
}

/** Not reached at all, or by a server that has no such session: 404 by the specification, 400 in practice. */
function isSessionLost(error: unknown): boolean {
  if (!(error instanceof SdkHttpError)) return true;
  const { status } = error.data;
  return status === 404 || status === 400;
}

/** Never in its own words, which stand on stderr: a server that refuses a key may repeat it. */
function whyOf(error: unknown): string {
  if (error instanceof SdkHttpError) return `answered with HTTP ${error.status}`;
  return isUnread(error) ? 'sent what is no answer' : (sayUntrusted(error) ?? 'could not be reached');
}

/** What came is of another type than JSON, is no JSON, or no message. */
const isUnread = (error: unknown): boolean =>
  (error instanceof SdkError && error.code === SdkErrorCode.ClientHttpUnexpectedContent) ||
  (error instanceof Error && ['SyntaxError', 'ZodError'].includes(error.name));
