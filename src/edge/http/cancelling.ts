/**
 * Cancellation in the eras before 2026-07-28, where it comes as a request of its own and says no more than an id. Ids are
 * the client's, and we keep no sessions: among the running requests of one bearer the id may name one, and that is ended;
 * or several, of clients that share a token and count alike, and then none is.
 */
import { sha256Hex } from '#digest';
import type { Json } from '../../base/canonical.ts';
import { isId, isObject } from '../mcp/rpc.ts';

export interface Cancelling {
  /** Takes a message: ends what it cancels, or has it ended by later ones until the returned function is called. */
  seen(token: string | null, message: Json, end: () => void): () => void;
}

const NOTHING = (): void => {};

export function cancelling(): Cancelling {
  const running = new Map<string, Set<() => void>>();
  return {
    seen(token, message, end) {
      if (token === null || !isObject(message)) return NOTHING;
      const { method, id, params } = message;
      const cancelled = method === 'notifications/cancelled' && isObject(params) ? params.requestId : undefined;
      const named = cancelled ?? id;
      if (!isId(named)) return NOTHING;
      const key = `${sha256Hex(token)} ${JSON.stringify(named)}`;
      const found = running.get(key);
      if (cancelled !== undefined) {
        if (found?.size === 1) for (const each of found) each();
        return NOTHING;
      }
      const those = found ?? new Set();
      running.set(key, those.add(end));
      return () => {
        if (those.delete(end) && those.size === 0) running.delete(key);
      };
    },
  };
}
