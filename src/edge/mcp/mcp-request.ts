import type { JsonObject, RpcId } from './rpc.ts';

/** One JSON-RPC request of either era, whatever carried it. */
export interface McpRequest {
  readonly id: RpcId;
  readonly params: JsonObject;
  /** `params._meta` without what the protocol itself reserves. */
  readonly meta: JsonObject;
  /** Aborted when the caller cancels or the connection is gone: nobody reads the answer any more. */
  readonly signal: AbortSignal;
  notify(method: string, params: JsonObject): Promise<void>;
}
