/**
 * The hash tree over all entries: RFC 9162 section 2.1 with SHA-256.
 *
 * The empty tree is SHA-256 of nothing, a leaf is SHA-256(0x00 ‖ data), a node is SHA-256(0x01 ‖ left ‖ right), and a
 * tree of n leaves splits at the largest power of two below n. The prefixes keep a node from being read as a leaf.
 */
import { sha256 } from '#digest';
import { Refusal } from '../base/refusal.ts';

export const HASH_BYTES = 32;

/** Text is hashed as UTF-8. */
export function leafHash(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return sha256(`\0${data}`);
  const prefixed = new Uint8Array(1 + data.length);
  prefixed.set(data, 1);
  return sha256(prefixed);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(1 + 2 * HASH_BYTES);
  prefixed[0] = 1;
  prefixed.set(left, 1);
  prefixed.set(right, 1 + HASH_BYTES);
  return sha256(prefixed);
}

/**
 * The right edge of a tree: the roots of its perfect subtrees, largest first, one for every 1 in the binary form of its
 * size. It is all that appending needs: one node hash per append on average, at most log2(n) for a root.
 */
export class Frontier {
  #size = 0;
  /** Never changed in place below its end, so that a clone is one copy of the list. */
  #hashes: Uint8Array[] = [];

  /** @throws Refusal `CHAIN_BROKEN` when so many hashes are not the edge of a tree of that size. */
  static of(size: number, hashes: readonly Uint8Array[]): Frontier {
    const fits = Number.isSafeInteger(size) && size >= 0 && hashes.length === ones(size);
    if (!fits || hashes.some((hash) => hash.length !== HASH_BYTES))
      throw new Refusal('CHAIN_BROKEN', 'The stored edge of the hash tree does not fit its size.');
    const frontier = new Frontier();
    frontier.#size = size;
    frontier.#hashes = [...hashes];
    return frontier;
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** `completed` is told of every perfect subtree that the leaf completes: its level, its index there, its root. */
  append(leaf: Uint8Array, completed?: (level: number, index: number, root: Uint8Array) => void): void {
    let subtree = leaf;
    // Every 1 at the end of the old size is a perfect subtree that the new leaf completes to one twice as large.
    for (let size = this.#size, level = 1; size % 2 === 1; level += 1) {
      subtree = nodeHash(this.#hashes.pop()!, subtree);
      size = (size - 1) / 2;
      completed?.(level, size, subtree);
    }
    this.#hashes.push(subtree);
    this.#size += 1;
  }

  root(): Uint8Array {
    return this.#hashes.length === 0 ? sha256('') : this.#hashes.reduceRight((right, left) => nodeHash(left, right));
  }

  hashes(): Uint8Array[] {
    return [...this.#hashes];
  }

  clone(): Frontier {
    return Frontier.of(this.#size, this.#hashes);
  }
}

/** How many 1s the binary form has; bit operators would stop at 32 bits. */
function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
