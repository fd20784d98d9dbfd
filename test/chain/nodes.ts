import type { NodeReader } from '../../src/chain/proof.ts';
import { nodeHash } from '../../src/chain/tree.ts';

/** A reader over leaf hashes held in memory: n hashes once, no hash for a question. */
export function nodesOf(leaves: readonly Uint8Array[]): NodeReader {
  const levels: (readonly Uint8Array[])[] = [leaves];
  for (let below = leaves; below.length > 1; ) {
    const level: Uint8Array[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) level.push(nodeHash(below[i]!, below[i + 1]!));
    levels.push(level);
    below = level;
  }
  return (level, index) => {
    const node = levels[level]?.[index];
    if (node === undefined) throw new TypeError('no such perfect subtree');
    return node;
  };
}
