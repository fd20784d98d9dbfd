/** Something that is made at first need, and kept. */
import { Refusal } from './base/refusal.ts';

/** What succeeded, or was refused for good, is not tried again. */
export function once<T>(attempt: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= attempt().catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.body.retryable) made = undefined;
      throw error;
    });
    return made;
  };
}
