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
import { BUNDLE } from '../base/tlog-tiles.ts';
import type { Checkpoint } from '../chain/checkpoint.ts';
import type { Store, Tree } from '../ports.ts';
import type { Archived, Shelf } from '../store/archive/shelf.ts';
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
  /** What was recorded when `end` was chosen. */
  readonly before: Archived | null;
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

/** Entries removed in one transaction; writers wait for it. */
const STEP = 8 * BUNDLE;
/** Entries among which leftovers are looked for at once. */
const WINDOW = 262_144;
/** Entries after which the room of those that left is made good for what comes next. */
const TIDY_EVERY = 512 * STEP;

/** @throws Refusal; then what was not finished is finished by another run. */
export async function shelve(shelving: Shelving): Promise<Shelved> {
  const { store, shelf, disk, folder, before, end, signed, watch } = shelving;
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
  if (!(await shelf.record(folder, end, before)))
    throw new Refusal('CHAIN_CONTENDED', 'Another run archived entries of this chain meanwhile.', {
      hint: 'This run removed nothing. Run it again when the other has ended.',
    });
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
  if (count > 0 || shelving.compact) await shelf.tidy(shelving.compact);
  return { removed: count, spared: within(spared, 0, end).length };
}

/** What was spared by an earlier run, and is needed no longer. */
async function removeLeftovers({ store, shelf, folder, signed, needed }: Shelving, end: number): Promise<number> {
  const files = new TileFolder(folder, signed.origin);
  let count = 0;
  for (let first = 0; first < end; first += WINDOW) {
    const upto = Math.min(end, first + WINDOW);
    for (let kept = await shelf.kept(MAY_BE_NEEDED, first - 1, upto); kept.length > 0; ) {
      for (const [tile, ours] of Map.groupBy(kept, (at) => Math.floor(at / BUNDLE))) {
        const over = ours.filter((at) => !needed.has(at));
        if (over.length > 0 && (await holds(store, files, over))) count += await shelf.thin(...only(tile, over));
      }
      kept = await shelf.kept(MAY_BE_NEEDED, kept.at(-1)!, upto);
    }
  }
  return count;
}

/** The range of a bundle, and all of it that is to stay but these. */
function only(tile: number, entries: readonly number[]): [first: number, end: number, spared: readonly number[]] {
  const first = tile * BUNDLE;
  const all = Array.from({ length: BUNDLE }, (_, i) => first + i);
  return [first, first + BUNDLE, all.filter((at) => !entries.includes(at))];
}

/** Whether the files have these entries of one bundle; a bundle with an entry too long for it was never written. */
async function holds(store: Tree, files: TileFolder, entries: readonly number[]): Promise<boolean> {
  try {
    for (const at of entries) {
      const [entry_hash = ''] = await store.nodes(0, at, 1);
      await files.text({ sequence_number: at, entry_hash });
    }
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'INTERNAL') return false;
    throw error;
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
