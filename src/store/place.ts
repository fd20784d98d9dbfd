/**
 * Whether files are still where they were found. An open file outlives its name: a process goes on with what was removed,
 * moved or replaced, and nobody ever finds again what it writes there.
 */
import { statSync } from 'node:fs';

/** Answers whether each of the paths leads where it leads now. */
export function placeOf(...paths: readonly string[]): () => boolean {
  const found = paths.map(fileAt);
  return () => paths.every((path, at) => fileAt(path) === found[at]);
}

function fileAt(path: string): string | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    return file && `${file.dev}:${file.ino}`;
  } catch {
    return undefined;
  }
}
