/** Work that ends when nobody waits for it any more, or when the artifact that permits it ends. */
import type { Refusal } from '../../base/refusal.ts';
import type { Decider } from './decider.ts';
import { untilAborted } from './patience.ts';

/** Runs `work`, whose signal is aborted with the reason why it may not go on. */
export async function inFlight<T>(
  lookout: Pick<Decider, 'onEnded'>,
  artifact: string,
  cancelled: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const cancel = () => abort.abort(cancelled?.reason);
  if (cancelled?.aborted) cancel();
  cancelled?.addEventListener('abort', cancel);
  const forget = lookout.onEnded(artifact, (refusal: Refusal) => abort.abort(refusal));
  try {
    return await work(abort.signal);
  } finally {
    forget();
    cancelled?.removeEventListener('abort', cancel);
  }
}

/** Waits for work that others may want too: when this caller gives up, the work goes on for the others. */
export const whileWanted = <T>(
  lookout: Pick<Decider, 'onEnded'>,
  artifact: string,
  cancelled: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> => inFlight(lookout, artifact, cancelled, (signal) => untilAborted(work, signal));
