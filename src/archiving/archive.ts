/** `aga-delegate archive`: what is old leaves the database for files, and everybody goes on reading it. */
import { join, resolve } from 'node:path';
import { keyAt } from '../authority/log-keys.ts';
import { freeze } from '../authority/snapshot.ts';
import { Refusal } from '../base/refusal.ts';
import { CannotStart } from '../cannot-start.ts';
import { type Checkpoint, claimedSize, openCheckpoint } from '../chain/checkpoint.ts';
import type { Settings } from '../config.ts';
import { groundOf } from '../installation/ground.ts';
import { randomSource } from '../keys/random.ts';
import { Follower } from '../sequencer/follower.ts';
import type { Shelf } from '../store/archive/shelf.ts';
import { fileCache } from '../store/file-cache.ts';
import { closedBelow, type Limits, stillNeeded } from './closed.ts';
import { diskAt } from './disk.ts';
import { refuseTaken } from './place.ts';
import { type Stage, shelve } from './shelve.ts';

export interface ArchiveOptions extends Limits {
  /** Where to; the place of last time when absent. */
  readonly to?: string | undefined;
  /** URL of the owner of the tables. */
  readonly owner: string | null;
  readonly dryRun: boolean;
  readonly compact: boolean;
  watch(stage: Stage, done: number, total: number): void;
}

export interface ArchiveReport {
  /** Absolute path; null where none was ever named. */
  readonly folder: string | null;
  /** Entries of the chain. */
  readonly entries: number;
  /** Entries that stand in the folder now, or would, from the first on. */
  readonly archived: number;
  /** Entries whose text left the database, or would. */
  readonly removed: number;
  /** Entries whose text is archived and stays in the database too. */
  readonly spared: number;
  /** Of that text, as UTF-8. */
  readonly bytes: number;
  readonly dry_run: boolean;
}

/** Entries weighed at once. */
const PART = 65_536;

/** Throws refusals and `CannotStart`. */
export async function archive(settings: Settings, options: ArchiveOptions): Promise<ArchiveReport> {
  refuseOthers(settings);
  const ground = await groundOf(settings, randomSource());
  const shelf = await shelfOf(settings, options.owner).catch(async (error) => {
    await ground.store.close();
    throw error;
  });
  try {
    return await run(settings, options, ground, shelf);
  } finally {
    await shelf.close();
    await ground.store.close();
  }
}

type Ground = Pick<Awaited<ReturnType<typeof groundOf>>, 'store' | 'keys' | 'origin' | 'home'>;

async function run(
  settings: Settings,
  options: ArchiveOptions,
  { store, keys, origin, home }: Ground,
  shelf: Shelf,
): Promise<ArchiveReport> {
  const { dryRun, watch, compact } = options;
  const snapshot = fileCache(join(home, 'snapshot'));
  const follower = new Follower(store, { snapshot, checkpoint: fileCache(join(home, 'checkpoint')) }, keys, origin);
  const ledger = await follower.open();
  const { size, state } = ledger;
  if (size === 0) throw new Refusal('NOT_FOUND', 'The chain has no entries yet.');
  state.advance(Date.now());
  // What a crash of the database could take back is neither written down nor shown to anybody.
  await store.durable({ size, entry_hash: ledger.lastHash }, true);
  const before = await shelf.archived();
  const to = options.to ?? settings.archiveDir ?? before?.folder;
  const folder = to === undefined ? null : resolve(to);
  if (folder !== null) for (const own of new Set([home, settings.dataDir])) await refuseTaken(folder, own);
  const removed = before?.removed ?? 0;
  const end = Math.max(removed, await closedBelow(store, size, removed, options));
  const needed = stillNeeded(state);
  const report = { folder, entries: size, archived: end, dry_run: dryRun };
  if (dryRun) {
    const spared = [...needed].filter((at) => at < end).length;
    let bytes = 0;
    for (let first = removed; first < end; first += PART)
      bytes += await shelf.weigh(first, Math.min(end, first + PART));
    return {
      ...report,
      bytes,
      removed: end - removed - [...needed].filter((at) => at >= removed && at < end).length,
      spared,
    };
  }
  if (folder === null)
    throw new Refusal('INVALID_REQUEST', 'No folder to archive to is known.', {
      hint: 'Name a folder with --to; it is remembered.',
    });
  if (end === 0) return { ...report, removed: 0, spared: 0, bytes: 0 };
  await shelf.mayRemove();
  const open = (note: string): Checkpoint | undefined => {
    const key = keyAt(state.logKeys, claimedSize(note) ?? 0);
    return key === undefined ? undefined : openCheckpoint(note, key);
  };
  const signed = await shelf.checkpointFrom(Math.max(end, 1));
  const checkpoint = signed && open(signed.note);
  if (!signed || checkpoint?.size !== signed.size)
    throw new Refusal('CHAIN_BROKEN', `The checkpoint over ${signed?.size ?? end} entries is not signed by the log.`);
  // From here on starting without a snapshot needs the folder.
  if (!follower.lacking) await snapshot.save(freeze(ledger, follower.log));
  let bytes = 0;
  for (let first = removed; first < end; first += PART) bytes += await shelf.weigh(first, Math.min(end, first + PART));
  const done = await shelve({
    store,
    shelf,
    disk: diskAt(folder),
    folder,
    before,
    end,
    signed: { ...checkpoint, note: signed.note },
    open,
    needed,
    compact,
    watch,
  });
  return { ...report, ...done, bytes };
}

function refuseOthers({ url, artifact, token }: Settings): void {
  if (url !== null) throw new CannotStart('An archive is made where the chain is: leave out AGA_URL.');
  if (artifact !== null || token !== null) throw new Refusal('NOT_OPERATOR', 'Only the operator archives a chain.');
}

async function shelfOf({ dataDir, authority, database }: Settings, owner: string | null): Promise<Shelf> {
  if (database.url === null) {
    const { sqliteShelf } = await import('../store/sqlite/archive.ts');
    return sqliteShelf(join(dataDir, 'chain.db'));
  }
  const { postgresShelf } = await import('../store/postgres/archive.ts');
  return postgresShelf({ url: database.url, owner, chain: authority });
}
