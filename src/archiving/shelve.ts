/**
 * Moves closed entries of a chain to C2SP tlog-tiles, one effect after the other; each may be the last before a power cut,
 * and whoever comes again goes on from there:
 *
 * 1. The files are written and synced, the checkpoint last. Until then nobody knows of them.
 * 2. They are read back and judged against the database's hashes and the signed checkpoint.
 * 3. The database records where they are. From then on an entry without text is looked up there.
 * 4. Only then texts leave the database, a few thousand at a time. Hashes, kinds, places and the tree stay.
 */
import { Refusal } from '../base/refusal.ts';
import type { Checkpoint } from '../chain/checkpoint.ts';
import type { Store, Tree } from '../ports.ts';
import { BUNDLE, tilePath } from '../store/archive/bundle.ts';
import type { Shelf } from '../store/archive/shelf.ts';
import { TileFolder } from '../store/archive/tile-folder.ts';
import { MAY_BE_NEEDED } from './closed.ts';
import { readBack, writeTiles } from './copy.ts';
import type { Disk } from './disk.ts';

export type Stage = 'Writing' | 'Reading back' | 'Removing';

export interface Shelving {
  /** With the text of every entry, from wherever it is. */
  readonly store: Store & Tree;
  readonly shelf: Shelf;
  readonly disk: Disk;
  readonly folder: string;
  /** Entries to archive, from the first on: a multiple of 256, with the signed checkpoint that covers them. */
  readonly end: number;
  readonly signed: Checkpoint & { readonly note: string };
  /** Opens a checkpoint note of this log. */
  open(note: string): Checkpoint | undefined;
  /** Numbers of entries whose text stays. */
  readonly needed: ReadonlySet<number>;
  readonly compact: boolean;
  watch(stage: Stage, done: number, total: number): void;
}

export interface Shelved {
  /** Entries whose text left the database now. */
  readonly removed: number;
  /** Of the closed entries, those whose text stays there. */
  readonly spared: number;
}

/** Entries that leave in one transaction: whoever appends waits for it. */
const STEP = 8 * BUNDLE;
/** Entries after which the room of those that left is made good for what comes next. */
const TIDY_EVERY = 512 * STEP;

/** @throws Refusal; then what was not finished is finished by another run. */
export async function shelve(shelving: Shelving): Promise<Shelved> {
  const { store, shelf, disk, folder, end, signed, watch } = shelving;
  const before = await shelf.archived();
  await refuseForeign(shelving);
  const moved = before !== null && before.folder !== folder;
  const removed = before?.removed ?? 0;
  // What was removed is in the files already, unless they are to stand in another folder from now on.
  const from = moved ? 0 : Math.floor(removed / BUNDLE) * BUNDLE;
  const copying = { store, disk, from, checkpoint: signed };
  const left = await writeTiles({ ...copying, watch: (...count) => watch('Writing', ...count) });
  await writeCheckpoint(shelving);
  await disk.settle();
  await readBack({ ...copying, watch: (...count) => watch('Reading back', ...count) }, left);
  await shelf.record(folder, end);
  const spared = [...shelving.needed];
  for (const tile of left) for (let i = 0; i < BUNDLE; i++) spared.push(tile * BUNDLE + i);
  spared.sort((a, b) => a - b);
  let count = await removeLeftovers(shelving, removed);
  for (let first = removed; first < end; first += STEP) {
    const upto = Math.min(end, first + STEP);
    count += await shelf.thin(first, upto, within(spared, first, upto));
    watch('Removing', upto - removed, end - removed);
    if ((first - removed) % TIDY_EVERY === TIDY_EVERY - STEP) await shelf.tidy(false);
  }
  for (let tile = from / BUNDLE; tile < Math.floor(signed.size / BUNDLE); tile++) await forgetPartial(disk, tile);
  if (count > 0 || shelving.compact) await shelf.tidy(shelving.compact);
  return { removed: count, spared: within(spared, 0, end).length };
}

/** What was spared by an earlier run, and is needed no longer. */
async function removeLeftovers({ store, shelf, folder, needed }: Shelving, end: number): Promise<number> {
  const files = new TileFolder(folder);
  let count = 0;
  for (let after = -1; ; ) {
    const kept = await shelf.kept(MAY_BE_NEEDED, after, end);
    const tiles = new Map<number, number[]>();
    for (const at of kept)
      if (!needed.has(at)) tiles.set(Math.floor(at / BUNDLE), [...(tiles.get(Math.floor(at / BUNDLE)) ?? []), at]);
    for (const [tile, ours] of tiles) {
      const first = tile * BUNDLE;
      // A bundle with an entry too long for it was never written, and its entries stay.
      const hashes = await store.nodes(0, first, BUNDLE);
      const isThere = await Promise.all(
        ours.map((at) => files.text({ sequence_number: at, entry_hash: hashes[at - first] ?? '' })),
      ).then(
        () => true,
        (error) => !(error instanceof Refusal && error.code === 'INTERNAL') && Promise.reject(error),
      );
      const others = Array.from({ length: BUNDLE }, (_, i) => first + i).filter((at) => !ours.includes(at));
      if (isThere) count += await shelf.thin(first, first + BUNDLE, others);
    }
    const last = kept.at(-1);
    if (last === undefined) return count;
    after = last;
  }
}

/** A folder belongs to one log, whose checkpoint it shows. */
async function refuseForeign({ disk, open }: Shelving): Promise<void> {
  const note = await disk.read('checkpoint');
  if (note && !open(new TextDecoder().decode(note)))
    throw new Refusal('INVALID_REQUEST', 'The folder holds the archive of another chain.', {
      hint: 'Name another folder with --to: each chain has its own.',
    });
}

/** Never an older one than is there: it may have been shown to somebody. */
async function writeCheckpoint({ disk, open, signed }: Shelving): Promise<void> {
  const there = await disk.read('checkpoint');
  const size = there ? (open(new TextDecoder().decode(there))?.size ?? 0) : 0;
  if (size < signed.size) await disk.write('checkpoint', new TextEncoder().encode(signed.note));
}

/** A bundle that has become whole needs its parts no longer. */
async function forgetPartial(disk: Disk, tile: number): Promise<void> {
  for (const level of ['entries', 0] as const) await disk.remove(`${tilePath(level, tile)}.p`);
}

/** Of sorted numbers, those from `first` up to `end`. */
function within(sorted: readonly number[], first: number, end: number): number[] {
  const found: number[] = [];
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sorted[middle]! < first) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < sorted.length && sorted[at]! < end; at++) found.push(sorted[at]!);
  return found;
}
