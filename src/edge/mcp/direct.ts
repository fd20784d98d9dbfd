/**
 * Tool calls of an established connection of the 2025 eras, answered past the MCP SDK.
 *
 * In those eras a call is bare JSON-RPC, and the SDK would look at it with five schemas: it answers a third as many
 * calls a second. Everything else, and every call of 2026-07-28 with its envelope, stays with the SDK.
 */
import type { Json } from '../../base/canonical.ts';
import type { McpRequest } from './mcp-request.ts';
import { answer, type Serving } from './methods.ts';
import { isId, isObject, type JsonObject, RPC, RpcError, type RpcId, type RpcMessage } from './rpc.ts';

export interface Direct {
  /** From now on calls are taken. */
  open(serving: Serving): void;
  /** Takes a call, or the cancellation of one that was taken; `false`: it is for the SDK. */
  take(message: RpcMessage): boolean;
  /** Aborts what runs; nothing is sent for it any more. */
  close(): void;
}

const CALL = 'tools/call';
const NONE: JsonObject = {};

export function direct(send: (message: object) => void): Direct {
  const running = new Map<RpcId, AbortController>();
  let serving: Serving | undefined;

  async function reply(id: RpcId, params: JsonObject, meta: JsonObject, using: Serving): Promise<void> {
    const abort = new AbortController();
    running.set(id, abort);
    const { signal } = abort;
    const notify: McpRequest['notify'] = async (method, body) => {
      if (!signal.aborted) send({ jsonrpc: '2.0', method, params: body });
    };
    const outcome = await answer(CALL, { id, params, meta, signal, notify }, using).then(result, failure);
    if (running.get(id) === abort) running.delete(id);
    if (!signal.aborted) send({ jsonrpc: '2.0', id, ...outcome });
  }

  function cancel(id: Json | undefined): boolean {
    if (!isId(id)) return false;
    const abort = running.get(id);
    if (abort === undefined) return false;
    abort.abort();
    // From here on the id is free for another call, though this one may take a while to notice.
    return running.delete(id);
  }

  return {
    open(given) {
      serving = given;
    },
    take({ id, method, params = NONE }) {
      if (method === 'notifications/cancelled') return cancel(params.requestId);
      // The second of two calls under one id is the SDK's, so that here an id names one call.
      if (method !== CALL || id === undefined || serving === undefined || running.has(id)) return false;
      const meta = params._meta ?? NONE;
      if (!isObject(meta) || Object.keys(meta).some(isReserved)) return false;
      void reply(id, params, meta, serving);
      return true;
    },
    close() {
      serving = undefined;
      for (const abort of running.values()) abort.abort();
    },
  };
}

const result = (value: object) => ({ result: value });

function failure(thrown: unknown): object {
  const { code, message, data } = thrown instanceof RpcError ? thrown : new RpcError(RPC.internal, 'Internal error');
  return { error: data === undefined ? { code, message } : { code, message, data } };
}

/** An envelope of 2026-07-28, or one that pretends to be: the SDK knows what to make of it. */
const isReserved = (name: string) => name.startsWith('io.modelcontextprotocol/');
