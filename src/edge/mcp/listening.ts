/**
 * `subscriptions/listen` of revision 2026-07-28: a client names the resources that it wants to hear of. The SDK answers it
 * and would promise every one of them; here those that the caller may not watch are left out first, and the others watched.
 */
import { Refusal } from '../../base/refusal.ts';
import { isObject, type JsonObject, RpcError, type RpcId, type RpcMessage } from './rpc.ts';
import type { Session } from './session.ts';
import { subscriptionsOf } from './subscriptions.ts';

export const LISTEN = 'subscriptions/listen';

export interface Listening {
  /** What was asked for, without what the caller may not hear of. */
  readonly message: RpcMessage;
  /** The client knows what it hears of: from now on it is told, and at once what changed meanwhile. */
  begin(): void;
  end(): void;
}

export async function listenFor(
  message: RpcMessage,
  session: Session,
  updated: (uri: string) => void,
): Promise<Listening> {
  const early = new Set<string>();
  let tell = (uri: string): void => void early.add(uri);
  const subscriptions = subscriptionsOf(session, (uri) => ({ changed: () => tell(uri), ended: () => {} }));
  const { params = {} } = message;
  const { notifications } = params;
  const asked = isObject(notifications) ? notifications.resourceSubscriptions : undefined;
  const granted: string[] = [];
  // The SDK refuses any other shape.
  for (const uri of Array.isArray(asked) ? new Set(asked) : []) {
    if (typeof uri !== 'string') continue;
    try {
      await subscriptions.add(uri);
      granted.push(uri);
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof RpcError)) throw error;
    }
  }
  const narrowed = Array.isArray(asked)
    ? {
        ...message,
        params: { ...params, notifications: { ...(notifications as JsonObject), resourceSubscriptions: granted } }, // it was one above
      }
    : message;
  return {
    message: narrowed,
    begin() {
      tell = updated;
      for (const uri of early) updated(uri);
      early.clear();
    },
    end: () => subscriptions.close(),
  };
}

export interface Listens {
  /** Takes a request to listen, and hands on what is left of it when that is known; `false`: it is for the SDK. */
  take(message: RpcMessage): boolean;
  /** Sees what is sent. */
  sent(message: { readonly id?: unknown; readonly method?: string; readonly params?: unknown }): void;
  close(): void;
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

export interface ListensOptions {
  readonly session: () => Session;
  readonly send: (message: object) => void;
  readonly handOn: (message: RpcMessage) => void;
  readonly report: (error: unknown) => void;
}

/** Those of one connection, each known by the id of its request. */
export function listensOf({ session, send, handOn, report }: ListensOptions): Listens {
  const open = new Map<RpcId, { listening?: Listening }>();

  async function begin(id: RpcId, message: RpcMessage): Promise<void> {
    const one: { listening?: Listening } = {};
    open.set(id, one);
    const told = (uri: string): void =>
      send({
        jsonrpc: '2.0',
        method: 'notifications/resources/updated',
        params: { uri, _meta: { [SUBSCRIPTION_ID]: id } },
      });
    const listening = await listenFor(message, session(), told);
    // Cancelled before it began.
    if (open.get(id) !== one) return listening.end();
    one.listening = listening;
    handOn(listening.message);
  }

  function end(id: RpcId): void {
    open.get(id)?.listening?.end();
    open.delete(id);
  }

  return {
    take(message) {
      const { id, method, params } = message;
      if (method === 'notifications/cancelled') end(params?.requestId as RpcId); // of another type it is none of ours
      if (method !== LISTEN || id === undefined) return false;
      end(id);
      begin(id, message).catch((error: unknown) => {
        report(error);
        handOn(message);
      });
      return true;
    },
    sent({ id, method, params }) {
      if (open.size === 0) return;
      if (method === undefined) end(id as RpcId); // of another type it is none of ours
      if (method !== ACKNOWLEDGED || !isObject(params) || !isObject(params._meta)) return;
      open.get(params._meta[SUBSCRIPTION_ID] as RpcId)?.listening?.begin(); // the same
    },
    close() {
      for (const id of [...open.keys()]) end(id);
    },
  };
}
