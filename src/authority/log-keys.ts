/**
 * The keys of a log, one after the other. The genesis names the first; each rotation is an entry that names the next.
 * A checkpoint over n entries is signed by the key that the last of these n entries to name one has named: the entry of
 * a rotation stands under the new key already, and nothing that covers it stands under the old one.
 */
export interface LogKey {
  /** C2SP verifier key. */
  readonly key: string;
  /** Sequence number of the entry that named it. */
  readonly from: number;
}

/** The key in force over the first `size` entries; undefined before the genesis. */
export const keyAt = (keys: readonly LogKey[], size: number): string | undefined =>
  (keys.findLast(({ from }) => from < size) ?? keys[0])?.key;
