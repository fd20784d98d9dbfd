/** Something that is made at first need, and kept. */
import { Refusal } from './base/refusal.ts';

/** Made at the first call; what throws is tried again. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** What succeeded, or was refused for good, is not tried again. A full disk is not for good. */
export function once<T>(attempt: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= attempt().catch((error: unknown) => {
      const isForGood = error instanceof Refusal && !error.body.retryable && error.code !== 'INTERNAL';
      if (!isForGood) made = undefined;
      throw error;
    });
    return made;
  };
}
