/** The resources that one connection has subscribed to. */
import { RPC, RpcError } from './rpc.ts';
import type { ResourceWatch, Session } from './session.ts';

/** More is a client out of control. */
const MOST = 1000;

export interface Subscriptions {
  /** Subscribing twice changes nothing. Throws `RpcError` where the resource cannot be watched, and refusals. */
  add(uri: string): Promise<void>;
  remove(uri: string): void;
  /** Ends all, also those that are only being made. */
  close(): void;
}

export function subscriptionsOf(
  { watchResource }: Pick<Session, 'watchResource'>,
  watchOf: (uri: string) => ResourceWatch,
): Subscriptions {
  /** What ends each; a subscription that is being made ends as soon as it is. */
  const open = new Map<string, { stop: () => void }>();

  function remove(uri: string): void {
    open.get(uri)?.stop();
    open.delete(uri);
  }

  return {
    async add(uri) {
      if (open.has(uri)) return;
      if (open.size >= MOST) throw new RpcError(RPC.params, `More than ${MOST} subscriptions`);
      let isWanted = true;
      const one = {
        stop: () => {
          isWanted = false;
        },
      };
      open.set(uri, one);
      try {
        const { changed, ended } = watchOf(uri);
        const stop = await watchResource?.(uri, {
          changed,
          ended() {
            if (open.get(uri) === one) open.delete(uri);
            ended();
          },
        });
        if (!stop) throw new RpcError(RPC.params, 'Resource not found', { uri });
        if (isWanted) one.stop = stop;
        else stop();
      } catch (error) {
        if (open.get(uri) === one) open.delete(uri);
        throw error;
      }
    },
    remove,
    close() {
      for (const uri of [...open.keys()]) remove(uri);
    },
  };
}
