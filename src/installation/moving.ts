/** Migrates a database to the tables of this version, and copies the chain of a data directory into it. */
import { constants, copyFileSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import { openEntry, ZERO_HASH } from '../chain/entry.ts';
import { leafHash } from '../chain/tree.ts';
import { homeOf, type Settings } from '../config.ts';
import { prepareDirectory } from '../keys/file.ts';
import { ArchiveReading } from '../store/archive/reading.ts';
import type { DumpedEntry } from '../store/dump.ts';

export interface Moved {
  /** What was done, or with `dry_run` would be done, to the tables. */
  readonly schema: readonly string[];
  /** Entries copied, or to be copied; null where the data directory has no chain of its own, or the database has it. */
  readonly entries: number | null;
  /** Entries of the data directory that stay behind: the database holds another chain, or the file has gone on. */
  readonly left: number;
  /** The name under which the chain stands in the database. */
  readonly authority: string;
  readonly dry_run: boolean;
}

export interface MoveOptions {
  readonly dryRun: boolean;
  watch(done: number, total: number): void;
}

/** Throws refusals, and `CannotStart` where there is no database to move to. */
export async function move(settings: Settings, { dryRun, watch }: MoveOptions): Promise<Moved> {
  const { database, dataDir, authority } = settings;
  if (database.url === null)
    throw new Refusal('INVALID_REQUEST', 'AGA_DATABASE_URL is not set: there is no database to migrate.', {
      hint: 'The file of a data directory is brought up to date by every start.',
    });
  const [{ moving }, { dumpOf }] = await Promise.all([
    import('../store/postgres/moving.ts'),
    import('../store/sqlite/dump.ts'),
  ]);
  const to = moving(database.url);
  try {
    const schema = dryRun ? await to.pending() : await to.migrate();
    const path = join(dataDir, 'chain.db');
    const hasTables = !dryRun || schema.length === 0;
    const there = hasTables ? await to.sizeOf(authority) : 0;
    const nothing = { schema, entries: null, left: 0, authority, dry_run: dryRun };
    if (!hasContent(path)) return nothing;
    const dump = dumpOf(path);
    try {
      if (dump.size === 0) return nothing;
      if (there > 0) return { ...nothing, left: (await to.holds(authority, dump)) ? 0 : dump.size };
      if (!dryRun) {
        const archived = async () => (await import('../store/sqlite/archive.ts')).archivedAt(path);
        const reading = new ArchiveReading({ archived, folder: settings.archiveDir });
        const fill = (part: readonly DumpedEntry[]) => filled(reading, part);
        await to.load(dump, { chain: authority, fill, inspect: inspector(authority), watch });
        bringKeys(dataDir, homeOf(settings));
      }
      return { ...nothing, entries: dump.size };
    } finally {
      dump.close();
    }
  } finally {
    await to.close();
  }
}

/** Fills in archived entries from their files, so that the copy is complete. */
async function filled(reading: ArchiveReading, part: readonly DumpedEntry[]): Promise<readonly DumpedEntry[]> {
  const rows = await reading.fill(
    part.map(({ seq, hash, entry }) => ({ sequence_number: seq, entry_hash: hash, entry })),
  );
  return part.map((each, i) => ({ ...each, entry: rows[i]?.entry ?? '' }));
}

/** Checks that each entry matches its hash and follows the one before: a broken chain is not copied. */
function inspector(authority: string): (entry: { seq: number; hash: string; entry: string }) => void {
  let previous = ZERO_HASH;
  let next = 0;
  return ({ seq, hash, entry }) => {
    const { chain, previous_hash, sequence_number } = openEntry(entry);
    const fits =
      toHex(leafHash(entry)) === hash && previous_hash === previous && sequence_number === seq && seq === next;
    if (!fits)
      throw new Refusal('CHAIN_BROKEN', `Entry ${seq} of the data directory does not follow the entry before it.`);
    if (seq === 0 && chain.split('/')[1] !== authority)
      throw new Refusal(
        'INVALID_REQUEST',
        `The chain of the data directory belongs to the authority "${chain.split('/')[1]}".`,
        {
          hint: 'Set AGA_AUTHORITY to that name.',
        },
      );
    previous = hash;
    next += 1;
  };
}

/** Copies the keys to where replicas of that authority look for them. */
function bringKeys(from: string, to: string): void {
  if (from === to) return;
  prepareDirectory(to);
  for (const name of ['authority.key', 'log.key', 'checkpoint'])
    if (existsSync(join(from, name)) && !existsSync(join(to, name)))
      copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL);
}

const hasContent = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
