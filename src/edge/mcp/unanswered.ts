/** Accepted requests that are not answered yet. */
import type { RpcMessage } from './rpc.ts';

export interface Unanswered {
  accepted(message: RpcMessage): void;
  sent(message: { readonly id?: unknown; readonly method?: string }): void;
  /** Resolves as soon as nothing is owed. */
  nothing(): Promise<void>;
  /** The requests without an answer, oldest first. */
  rest(): readonly RpcMessage[];
}

/** Held open by design: a subscription is answered when it ends. */
const UNANSWERED = 'subscriptions/listen';

export function unanswered(): Unanswered {
  // A client may use one id twice; then it is owed two answers.
  const requests = new Map<unknown, RpcMessage[]>();
  const waiters: (() => void)[] = [];

  function settle(id: unknown): void {
    const waiting = requests.get(id);
    if (waiting === undefined) return;
    waiting.shift();
    if (waiting.length === 0) requests.delete(id);
    if (requests.size === 0) for (const resolve of waiters.splice(0)) resolve();
  }

  return {
    accepted(message) {
      const { id, method, params } = message;
      if (method === 'notifications/cancelled') settle(params?.requestId);
      if (id === undefined || method === undefined || method === UNANSWERED) return;
      const waiting = requests.get(id);
      if (waiting === undefined) requests.set(id, [message]);
      else waiting.push(message);
    },
    sent({ id, method }) {
      if (method === undefined) settle(id);
    },
    nothing() {
      return new Promise((resolve) => {
        if (requests.size === 0) resolve();
        else waiters.push(resolve);
      });
    },
    rest: () => [...requests.values()].flat(),
  };
}
