/**
 * The hash tree as a store keeps it: leaf hashes and, for every 256 of them, 65,536 of them and so on, one node, which
 * are the hashes of the tiles of C2SP tlog-tiles. Whatever lies between is computed from at most 255 of them, so that a
 * proof reads a few tiles, however long the chain is.
 */
import { fromHex } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import type { NodeReader } from '../chain/proof.ts';
import { nodeHash } from '../chain/tree.ts';

export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 2 ** TILE_HEIGHT;

/** Where stored nodes come from; see `Store.nodes`. */
export interface NodeSource {
  nodes(level: number, first: number, count: number): Promise<readonly string[]>;
}

/**
 * Runs `prove`, which may read any node of the tree of `size` leaves. It runs twice: first to learn which tiles it
 * reads, then with them.
 *
 * @throws Refusal `CHAIN_BROKEN` where the store does not hold what a tree of that size has.
 */
export async function withNodes<T>(source: NodeSource, size: number, prove: (nodes: NodeReader) => T): Promise<T> {
  const asked = new Map<string, [level: number, tile: number]>();
  const nothing = new Uint8Array(32);
  prove((level, index) => {
    const [below, tile] = tileOf(level, index);
    asked.set(`${below} ${tile}`, [below, tile]);
    return nothing;
  });
  const tiles = new Map<string, Tile>();
  for (const [key, [level, tile]] of asked) tiles.set(key, new Tile(await readTile(source, level, tile, size)));
  return prove((level, index) => {
    const [below, tile] = tileOf(level, index);
    return tiles.get(`${below} ${tile}`)!.node(level - below, index - tile * 2 ** (below + TILE_HEIGHT - level));
  });
}

/** The tile that a node is computed from: its bottom level, and its place there. */
function tileOf(level: number, index: number): [level: number, tile: number] {
  const below = level - (level % TILE_HEIGHT);
  return [below, Math.floor((index * 2 ** (level - below)) / TILE_WIDTH)];
}

/** The hashes of a tile, fewer than 256 at the right edge. Nodes that an older writer did not keep are computed. */
export async function readTile(source: NodeSource, level: number, tile: number, size: number): Promise<Uint8Array[]> {
  const first = tile * TILE_WIDTH;
  const count = Math.min(TILE_WIDTH, Math.floor(size / 2 ** level) - first);
  const stored = await source.nodes(level, first, count);
  const hashes = stored.map((hash) => fromHex(hash) ?? new Uint8Array());
  if (level === 0 && hashes.length < count) throw new Refusal('CHAIN_BROKEN', 'Entries of the chain are missing.');
  while (hashes.length < count) {
    const under = new Tile(await readTile(source, level - TILE_HEIGHT, first + hashes.length, size));
    hashes.push(under.node(TILE_HEIGHT, 0));
  }
  return hashes;
}

/** The perfect subtrees over the hashes of one tile, each computed once. */
class Tile {
  readonly #levels: (Uint8Array | undefined)[][];

  constructor(hashes: readonly Uint8Array[]) {
    this.#levels = [[...hashes], ...Array.from({ length: TILE_HEIGHT }, () => [])];
  }

  node(height: number, index: number): Uint8Array {
    const known = this.#levels[height]?.[index];
    if (known) return known;
    if (height === 0) throw new TypeError('no such perfect subtree');
    const node = nodeHash(this.node(height - 1, 2 * index), this.node(height - 1, 2 * index + 1));
    this.#levels[height]![index] = node;
    return node;
  }
}
