/** The tiles of a log up to one of its signed checkpoints: written, and read back as if somebody else had written them. */
import { toHex } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import { BUNDLE, bundleOf, entriesOf, joined, tilePath } from '../base/tlog-tiles.ts';
import type { Checkpoint } from '../chain/checkpoint.ts';
import { Frontier, leafHash } from '../chain/tree.ts';
import { readTile, TILE_HEIGHT, withNodes } from '../evidence/tiles.ts';
import type { Store, Tree } from '../ports.ts';
import type { Disk } from './disk.ts';

export interface Copying {
  readonly store: Store & Tree;
  readonly disk: Disk;
  /** Entries that the files hold already: a multiple of 256. */
  readonly from: number;
  readonly checkpoint: Checkpoint;
  watch(done: number, total: number): void;
}

interface Place {
  readonly tile: number;
  readonly first: number;
  readonly width: number;
}

/** Files that are on their way to the disk at once. */
const ABREAST = 16;

/** Writes what is not there yet. Answers the bundles that cannot be written, by their index: an entry is too long for the format. */
export async function writeTiles({ store, disk, from, checkpoint, watch }: Copying): Promise<Set<number>> {
  const { size } = checkpoint;
  const left = new Set<number>();
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (!isSame(await disk.read(path), bytes)) await disk.write(path, bytes);
  };
  await abreast(places(from, size, BUNDLE), watch, size - from, async ({ tile, first, width }) => {
    const { rows } = await store.read({ after: first - 1, limit: width });
    const bundle = bundleOf(rows.map(({ entry }) => entry));
    if (bundle) await put(tilePath('entries', tile, width), bundle);
    else left.add(tile);
    await put(tilePath(0, tile, width), await hashes(store, 0, tile, size));
  });
  for (const { level, tile, width } of above(from, size))
    await put(tilePath(level, tile, width), await hashes(store, level, tile, size));
  return left;
}

/**
 * Every entry of every file, hashed again, must be the one that the database has, and all of them together with those
 * before them the tree that was signed.
 *
 * @throws Refusal `CHAIN_BROKEN`, and then nothing may be removed.
 */
export async function readBack({ store, disk, from, checkpoint, watch }: Copying, left: Set<number>): Promise<void> {
  const { size } = checkpoint;
  const edge = await edgeAt(store, from, size);
  let next = from;
  for (const { tile, first, width } of places(from, size, BUNDLE)) {
    const kept = await store.nodes(0, first, width);
    const leaves = left.has(tile)
      ? parts(await disk.read(tilePath(0, tile, width)))
      : entriesOf((await disk.read(tilePath('entries', tile, width))) ?? new Uint8Array())?.map(leafHash);
    if (leaves?.length !== width || leaves.some((leaf, i) => toHex(leaf) !== kept[i])) throw unlike(first);
    if (!isSame(await disk.read(tilePath(0, tile, width)), joined(leaves))) throw unlike(first);
    for (const leaf of leaves) edge.append(leaf);
    next += width;
    watch(next - from, size - from);
  }
  for (const { level, tile, width } of above(from, size))
    if (!isSame(await disk.read(tilePath(level, tile, width)), await hashes(store, level, tile, size)))
      throw unlike(tile * BUNDLE ** (level + 1));
  if (toHex(edge.root()) !== toHex(checkpoint.root))
    throw new Refusal('CHAIN_BROKEN', `The first ${size} entries are not those that were signed.`);
}

/** What follows is hashed onto this: the perfect subtrees over the entries that are there already, from the store's tree. */
async function edgeAt(store: Tree, from: number, size: number): Promise<Frontier> {
  const roots = await withNodes(store, size, (nodes) => {
    const found: Uint8Array[] = [];
    for (let start = 0, rest = from; rest > 0; ) {
      const level = Math.floor(Math.log2(rest));
      found.push(nodes(level, start / 2 ** level));
      start += 2 ** level;
      rest -= 2 ** level;
    }
    return found;
  });
  return Frontier.of(from, roots);
}

function* places(from: number, size: number, width: number): Generator<Place> {
  for (let first = from; first < size; first += width)
    yield { tile: first / width, first, width: Math.min(width, size - first) };
}

/** The tiles above the leaves that hold a hash of what is new. */
function* above(from: number, size: number): Generator<{ level: number; tile: number; width: number }> {
  for (let level = 1, hash = BUNDLE; Math.floor(size / hash) > 0; level += 1, hash *= BUNDLE) {
    const count = Math.floor(size / hash);
    for (let tile = Math.floor(from / hash / BUNDLE); tile * BUNDLE < count; tile++)
      yield { level, tile, width: Math.min(BUNDLE, count - tile * BUNDLE) };
  }
}

const hashes = async (store: Tree, level: number, tile: number, size: number): Promise<Uint8Array> =>
  joined(await readTile(store, level * TILE_HEIGHT, tile, size));

const parts = (tile: Uint8Array | undefined): Uint8Array[] =>
  Array.from({ length: (tile?.length ?? 0) / 32 }, (_, i) => tile!.subarray(i * 32, (i + 1) * 32));

const isSame = (found: Uint8Array | undefined, wanted: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found, wanted) === 0;

const unlike = (first: number): Refusal =>
  new Refusal('CHAIN_BROKEN', `The archive does not hold entries ${first} and following as the chain has them.`, {
    hint: 'Nothing was removed. Check the disk of the archive, then run: aga-delegate verify',
  });

async function abreast(
  all: Iterable<Place>,
  watch: (done: number, total: number) => void,
  total: number,
  act: (place: Place) => Promise<void>,
): Promise<void> {
  let done = 0;
  let failed = false;
  const queue = all[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true && !failed; next = queue.next()) {
      try {
        await act(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
      done += next.value.width;
      watch(done, total);
    }
  };
  // When the caller hears of a failure, nothing is still running in the background.
  const ended = await Promise.allSettled(Array.from({ length: ABREAST }, work));
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}
