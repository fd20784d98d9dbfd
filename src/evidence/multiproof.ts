/**
 * One proof for many entries of one tree (RFC 9162 section 2.1).
 *
 * The tree is walked from its root, left before right. A range in which no proven entry lies is one hash of the proof;
 * a proven entry is hashed; everything between is computed. So nothing is said twice, entries that stand together cost
 * nothing, and a proof has exactly one form: no hash of it is free.
 */
import { type NodeReader, rootOf, split } from '../chain/proof.ts';
import { nodeHash } from '../chain/tree.ts';

/** @throws TypeError unless `indexes` rise within the tree. */
export function multiproof(nodes: NodeReader, indexes: readonly number[], size: number): Uint8Array[] {
  const range = wholeTree(indexes, size);
  return size > 0 ? proveRange(nodes, indexes, range).proof : [];
}

/** All leaves of the tree. @throws TypeError unless `indexes` rise within it. */
export function wholeTree(indexes: readonly number[], size: number): Range {
  if (!rises(indexes, size)) throw new TypeError('entries that are not in order within the tree');
  return { start: 0, end: size, from: 0, to: indexes.length };
}

/** The part of a proof that is about these leaves, and their root as the tree's own leaves add up to it. */
export function proveRange(
  nodes: NodeReader,
  indexes: readonly number[],
  range: Range,
): { readonly proof: Uint8Array[]; readonly root: Uint8Array } {
  const proof: Uint8Array[] = [];
  const walk = (at: Range): Uint8Array => {
    const { start, end, from, to } = at;
    if (from === to) {
      const left = rootOf(nodes, start, end);
      proof.push(left);
      return left;
    }
    if (end - start === 1) return nodes(0, start);
    const [left, right] = halves(at, indexes);
    return nodeHash(walk(left), walk(right));
  };
  return { root: walk(range), proof };
}

/**
 * The root that entries at `indexes` and the rest of the proof add up to, `leafAt` answering the hash of each by its place
 * among them; `undefined` where the proof has too few or too many hashes, or the indexes do not rise within the tree.
 */
export function provenRoot(
  indexes: readonly number[],
  leafAt: (place: number) => Uint8Array,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (size === 0 || !rises(indexes, size)) return undefined;
  let used = 0;
  const walk = (range: Range): Uint8Array | undefined => {
    const { start, end, from, to } = range;
    if (from === to) return proof[used++];
    if (end - start === 1) return leafAt(from);
    const [left, right] = halves(range, indexes).map(walk);
    return left && right && nodeHash(left, right);
  };
  const root = walk({ start: 0, end: size, from: 0, to: indexes.length });
  return used === proof.length ? root : undefined;
}

/** Leaves `start` to `end` of the tree, and which of the proven entries lie there: `from` to `to`. Ends are exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

export function halves({ start, end, from, to }: Range, indexes: readonly number[]): [Range, Range] {
  const middle = start + split(end - start);
  let [low, high] = [from, to];
  while (low < high) {
    const at = (low + high) >> 1;
    if (indexes[at]! < middle) low = at + 1;
    else high = at;
  }
  return [
    { start, end: middle, from, to: low },
    { start: middle, end, from: low, to },
  ];
}

function rises(indexes: readonly number[], size: number): boolean {
  if (!Number.isSafeInteger(size) || size < 0) return false;
  return indexes.every((index, i) => Number.isSafeInteger(index) && index > (indexes[i - 1] ?? -1) && index < size);
}
