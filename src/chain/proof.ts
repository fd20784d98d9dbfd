/**
 * Proofs over the hash tree of `tree.ts`: RFC 9162 sections 2.1.3 (an entry is in the tree) and 2.1.4 (one tree is the
 * beginning of another). Verifiers judge evidence, so they never throw: what is malformed is not proven.
 *
 * Sizes are safe integers. Halving is a division, because the shift operators stop at 32 bits.
 */
import { HASH_BYTES, nodeHash } from './tree.ts';

/** The root of the perfect subtree over the leaves from `index`·2^`level` up to (`index` + 1)·2^`level`. */
export type NodeReader = (level: number, index: number) => Uint8Array;

/** Section 2.1.3.1. @throws TypeError unless 0 <= index < size. */
export function inclusionProof(nodes: NodeReader, index: number, size: number): Uint8Array[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new TypeError('no such leaf');
  const proof: Uint8Array[] = [];
  let start = 0;
  for (let end = size; end - start > 1; ) {
    const middle = start + split(end - start);
    // Walks down from the root; the proof lists siblings upwards.
    if (index < middle) {
      proof.push(rootOf(nodes, middle, end));
      end = middle;
    } else {
      proof.push(rootOf(nodes, start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/** Section 2.1.4.1. @throws TypeError unless 0 < size1 <= size2. */
export function consistencyProof(nodes: NodeReader, size1: number, size2: number): Uint8Array[] {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) throw new TypeError('no such pair of trees');
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size2;
  while (size1 !== end) {
    const middle = start + split(end - start);
    if (size1 <= middle) {
      proof.push(rootOf(nodes, middle, end));
      end = middle;
    } else {
      proof.push(rootOf(nodes, start, middle));
      start = middle;
    }
  }
  // The old tree's last part; where that part is the whole old tree its root is what the verifier already holds.
  if (start !== 0) proof.push(rootOf(nodes, start, end));
  return proof.reverse();
}

/** Section 2.1.3.2: whether `leaf` (a leaf hash) is entry `index` of the tree of `size` entries with this root. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || ![leaf, root, ...proof].every(isHash)) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash);
      [at, last] = whileEven(at, last);
    } else hash = nodeHash(hash, sibling);
    at = half(at);
    last = half(last);
  }
  return last === 0 && isSame(hash, root);
}

/** Section 2.1.4.2: whether the tree of `size2` entries begins with that of `size1`. An empty tree proves nothing. */
export function verifyConsistency(
  size1: number,
  size2: number,
  root1: Uint8Array,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) return false;
  // One tree begins with itself: nothing is hashed, so nothing is asked of the roots but to be equal.
  if (size1 === size2) return proof.length === 0 && isSame(root1, root2);
  if (![root1, root2, ...proof].every(isHash)) return false;
  let at = size1 - 1;
  let last = size2 - 1;
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  // The old size is a power of two exactly when nothing is left: then its root starts the path.
  const [first, ...rest] = at === 0 ? [root1, ...proof] : proof;
  if (first === undefined || (rest.length === 0 && at === 0)) return false;
  let old = first;
  let now = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      [at, last] = whileEven(at, last);
    } else now = nodeHash(now, sibling);
    at = half(at);
    last = half(last);
  }
  return last === 0 && isSame(old, root1) && isSame(now, root2);
}

/** The root over leaves `start` to `end` (exclusive), where `start` is a multiple of the size's next power of two. */
export function rootOf(nodes: NodeReader, start: number, end: number): Uint8Array {
  const size = end - start;
  const level = Math.round(Math.log2(size));
  if (2 ** level === size) return nodes(level, start / size);
  const middle = start + split(size);
  return nodeHash(rootOf(nodes, start, middle), rootOf(nodes, middle, end));
}

/** The largest power of two below `size`, which is at least 2. */
export function split(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** Levels at which a right edge without a sibling moves up unchanged. */
function whileEven(at: number, last: number): [number, number] {
  let [a, l] = [at, last];
  while (a !== 0 && !isOdd(a)) [a, l] = [half(a), half(l)];
  return [a, l];
}

const half = (n: number): number => Math.floor(n / 2);
const isOdd = (n: number): boolean => n % 2 === 1;
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const isHash = (hash: Uint8Array): boolean => hash.length === HASH_BYTES;
const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
