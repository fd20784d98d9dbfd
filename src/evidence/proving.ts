/** The proof of a large bundle, a part of the tree at a time: what is held of it in memory does not grow with the chain. */
import { nodeHash } from '../chain/tree.ts';
import { halves, proveRange, type Range, wholeTree } from './multiproof.ts';
import { type NodeSource, TILE_WIDTH, withNodes } from './tiles.ts';

/** Leaves whose tiles are held together: as many as are hashed in some twenty milliseconds. */
const TOGETHER = 16 * TILE_WIDTH;

/**
 * Hashes of the proof that the tree of `size` leaves holds entries at `indexes`, in order; answers the root to which the
 * stored leaves add up.
 *
 * @throws Refusal `CHAIN_BROKEN` where the store does not hold what a tree of that size has.
 */
export function proofParts(
  source: NodeSource,
  indexes: readonly number[],
  size: number,
): AsyncGenerator<readonly Uint8Array[], Uint8Array> {
  async function* walk(range: Range): AsyncGenerator<readonly Uint8Array[], Uint8Array> {
    const isFew = range.from === range.to || range.end - range.start <= TOGETHER;
    if (!isFew) {
      const [left, right] = halves(range, indexes);
      return nodeHash(yield* walk(left), yield* walk(right));
    }
    const { proof, root } = await withNodes(source, size, (nodes) => proveRange(nodes, indexes, range));
    yield proof;
    return root;
  }
  return walk(wholeTree(indexes, size));
}
