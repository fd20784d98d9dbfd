/**
 * A connection to an upstream, shared by two: the MCP SDK's client, for the handshake of either era and for what the
 * upstream asks of us, and our own requests.
 *
 * Our requests do not go through the SDK's: it would read each answer with several schemas, hand on what those make of it
 * instead of what came, and take most of the time of a call. Ids are our own, never a caller's, and an answer that
 * nobody waits for is dropped: so no caller sees another's.
 */
import { randomInt } from 'node:crypto';
import { type JSONRPCMessage, SdkHttpError, type TransportSendOptions } from '@modelcontextprotocol/client';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { RpcError, type RpcId } from '../rpc.ts';
import { Allowance } from './allowance.ts';
import type { UpstreamTransport } from './child.ts';
import { isObject, type JsonObject } from './pointer.ts';

export type Progress = (update: { progress: number; total?: number; message?: string }) => void;

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds. */
  readonly timeout: number;
  readonly progress?: Progress | undefined;
  /** W3C `traceparent` of the work that this is a part of: in `_meta`, and where requests have headers, there too. */
  readonly trace?: string | undefined;
  /** Where a request has any: beside what the protocol itself puts there. */
  readonly headers?: { readonly [name: string]: string } | undefined;
}

export interface Wire extends UpstreamTransport {
  /** Members of `_meta` that revision 2026-07-28 wants in every message; absent in earlier ones. */
  envelope?: JsonObject;
  /**
   * The result as it came.
   *
   * @throws RpcError what the upstream answered instead; Refusal `UPSTREAM_FAILED`, `TIMEOUT`, or the reason of `signal`.
   */
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

interface Pending {
  readonly resolve: (result: JsonObject) => void;
  readonly reject: (error: Error) => void;
  readonly progress: Progress | undefined;
}

/** Ids of ours are above those of the SDK, which counts from 0, and below 2^31, where some servers stop counting. */
const FIRST_ID = 2 ** 30;
/** Messages that answer nothing: more is an upstream out of control. */
const NOISE_BURST = 10_000;
const NOISE_PER_SECOND = 1_000;
/** Of no use to anybody here. */
const UNHEARD = new Set(['notifications/message', 'notifications/resources/updated', 'notifications/tasks/status']);

export function wireOver(inner: UpstreamTransport, name: string): Wire {
  const pending = new Map<number, Pending>();
  const noise = new Allowance(NOISE_BURST, NOISE_PER_SECOND, performance.now());
  let broken = false;
  let retired = false;

  const failed = (why: string) => new Refusal('UPSTREAM_FAILED', `The upstream "${name}" ${why}.`);

  /** Not to be guessed: an upstream cannot answer what it has not been asked yet. */
  function freshId(): number {
    const id = FIRST_ID + randomInt(FIRST_ID);
    return pending.has(id) ? freshId() : id;
  }

  function take(id: unknown): Pending | undefined {
    if (typeof id !== 'number') return undefined;
    const found = pending.get(id);
    pending.delete(id);
    return found;
  }

  function isNoise(): boolean {
    if (noise.take(1, performance.now())) return false;
    wire.onerror?.(new Error('sends more than anybody asked for'));
    void wire.close();
    return true;
  }

  function receive(message: JSONRPCMessage): void {
    // A cast: what was parsed from the wire is JSON.
    const { id, method, params, result, error } = message as { readonly [member: string]: Json };
    const waiting = method === undefined ? take(id) : undefined;
    if (waiting) answer(waiting, result, error);
    else if (isNoise()) return;
    // Whoever asked waits no more; what was answered is nobody else's to see, not even in a log.
    else if (method === undefined && typeof id === 'number' && id >= FIRST_ID) return;
    else if (typeof method === 'string' && UNHEARD.has(method)) return;
    else if (method === 'notifications/progress') progress(params);
    else {
      if (typeof method === 'string' && method.endsWith('/list_changed')) wire.onchanged?.(method);
      wire.onmessage?.(message);
    }
  }

  function answer({ resolve, reject }: Pending, result: Json | undefined, error: Json | undefined): void {
    if (isObject(result)) {
      if (result.resultType === 'input_required') reject(failed('asks for input, which is not passed on'));
      else resolve(result);
    } else if (isObject(error) && typeof error.code === 'number' && typeof error.message === 'string') {
      reject(new RpcError(error.code, error.message, error.data));
    } else reject(failed('sent a malformed answer'));
  }

  function progress(params: Json | undefined): void {
    if (!isObject(params) || typeof params.progressToken !== 'number' || typeof params.progress !== 'number') return;
    const { progress, total, message } = params;
    pending.get(params.progressToken)?.progress?.({
      progress,
      ...(typeof total === 'number' && { total }),
      ...(typeof message === 'string' && { message }),
    });
  }

  const wire: Wire = {
    async start() {
      inner.onmessage = receive;
      inner.onerror = (error) => {
        if (!isNoise()) wire.onerror?.(error);
      };
      inner.onlost = (id, why) => {
        const waiting = take(id);
        if (waiting) waiting.reject(failed(why));
        else wire.onmessage?.({ jsonrpc: '2.0', id, error: { code: -32000, message: `The upstream ${why}` } });
      };
      inner.onclose = () => {
        for (const { reject } of pending.values()) reject(failed('ended before it answered'));
        pending.clear();
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
      if (pending.size === 0) void inner.close();
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
      if (signal?.aborted) return Promise.reject(reasonOf(signal));
      return new Promise<JsonObject>((resolve, reject) => {
        const id = freshId();
        const stream = inner.hasPerRequestStream ? new AbortController() : undefined;
        const settle = () => {
          pending.delete(id);
          clearTimeout(timer);
          signal?.removeEventListener('abort', cancel);
          if (retired && pending.size === 0) void inner.close();
        };
        const giveUp = (reason: Error) => {
          settle();
          // Revision 2026-07-28 cancels by closing the stream, where there is one.
          if (!stream || !wire.envelope) void inner.send(cancelled(id, reason, wire.envelope)).catch(() => {});
          stream?.abort();
          reject(reason);
        };
        const cancel = () => giveUp(reasonOf(signal));
        const late = () => giveUp(new Refusal('TIMEOUT', `The upstream "${name}" has not answered for ${timeout} ms.`));
        const timer = setTimeout(late, timeout);
        signal?.addEventListener('abort', cancel);
        pending.set(id, {
          resolve: (result) => {
            settle();
            resolve(result);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
          progress,
        });
        const fail = (why: string) => take(id)?.reject(failed(why));
        const options: TransportSendOptions | undefined = stream && {
          requestSignal: stream.signal,
          onRequestStreamEnd: () => fail('ended the stream of its answer'),
          headers: { ...headers, ...(traceparent !== undefined && { traceparent }) },
        };
        const meta = {
          ...wire.envelope,
          ...(progress && { progressToken: id }),
          ...(traceparent !== undefined && { traceparent }),
        };
        const sent = Object.keys(meta).length === 0 ? params : { ...params, _meta: meta };
        inner.send({ jsonrpc: '2.0', id, method, params: sent } as JSONRPCMessage, options).catch((error: unknown) => {
          // What was given up, or lost on the way, fails here too, and says nothing about the connection.
          broken ||= pending.has(id) && isSessionLost(error);
          fail(error instanceof Error ? unfinished(error.message) : 'could not be reached');
        });
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

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Refusal ? reason : new Refusal('CANCELLED', 'The call was cancelled.');
}

/** A sentence of somebody else in the middle of ours. */
const unfinished = (message: string): string => `could not be reached: ${message.slice(0, 200).replace(/\.$/, '')}`;
