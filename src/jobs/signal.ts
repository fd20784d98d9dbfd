/** Waiting for whichever of several things tells first that something may have happened. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Signal {
  /** Resolves when one of the sources has called back since the signal was made, or after `ms`. */
  within(ms: number): Promise<void>;
  quiet(): void;
}

/** Calls back when something may have happened; returns the unsubscriber. */
export type SignalSource = (listener: () => void) => () => void;

export function signal(sources: readonly SignalSource[]): Signal {
  let quiet = (): void => {};
  const changed = new Promise<void>((resolve) => {
    const each = sources.map((source) => source(resolve));
    quiet = () => {
      for (const end of each) end();
    };
  });
  return {
    quiet: () => quiet(),
    async within(ms) {
      const abort = new AbortController();
      const late = sleep(ms, undefined, { signal: abort.signal }).catch(() => undefined);
      await Promise.race([late, changed]);
      abort.abort();
      quiet();
    },
  };
}
