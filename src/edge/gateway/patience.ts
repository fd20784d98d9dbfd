/** Waiting for something, but not for ever. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves to `undefined` where `work` takes longer; the work goes on. */
export async function patiently<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const abort = new AbortController();
  const late = sleep(ms, undefined, { signal: abort.signal }).catch(() => undefined);
  return Promise.race([work, late]).finally(() => abort.abort());
}

/** Rejects with the reason of the signal once it is aborted; the work goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
