/** Which accepted requests still wait: for the answer they are owed, and for the work behind it. */
import type { RpcMessage } from './rpc.ts';

export interface Owed {
  accepted(message: RpcMessage): void;
  sent(message: { readonly id?: unknown; readonly method?: string }): void;
  /** Resolves as soon as nothing is owed. */
  nothing(): Promise<void>;
}

/** Held open by design: a subscription is answered when it ends. */
const UNANSWERED = 'subscriptions/listen';

export function owed(): Owed {
  // A client may use one id twice; then it is owed two answers.
  const counts = new Map<unknown, number>();
  const waiters: (() => void)[] = [];

  function settle(id: unknown): void {
    const count = counts.get(id);
    if (count === undefined) return;
    if (count > 1) counts.set(id, count - 1);
    else counts.delete(id);
    if (counts.size === 0) for (const resolve of waiters.splice(0)) resolve();
  }

  return {
    accepted({ id, method, params }) {
      if (method === 'notifications/cancelled') settle(params?.requestId);
      else if (id !== undefined && method !== undefined && method !== UNANSWERED)
        counts.set(id, (counts.get(id) ?? 0) + 1);
    },
    sent({ id, method }) {
      if (method === undefined) settle(id);
    },
    nothing() {
      return new Promise((resolve) => {
        if (counts.size === 0) resolve();
        else waiters.push(resolve);
      });
    },
  };
}

export interface Running {
  until<T>(work: Promise<T>): Promise<T>;
  /** Rejects everything that still runs. */
  cut(reason: Error): void;
}

export function running(): Running {
  const rejects = new Set<(reason: Error) => void>();
  return {
    // Not `Promise.race`: that would leave a reaction on a promise that lives as long as the process.
    until: (work) =>
      new Promise((resolve, reject) => {
        rejects.add(reject);
        work.then(resolve, reject).finally(() => rejects.delete(reject));
      }),
    cut(reason) {
      for (const reject of rejects) reject(reason);
    },
  };
}
