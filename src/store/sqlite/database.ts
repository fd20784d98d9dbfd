/**
 * Opens the database file, or makes it.
 *
 * A new file is made complete under another name and then linked: of several processes that start at once one wins, and
 * none ever sees half a schema. The journal mode is decided there and kept in the file, since two processes that each
 * decide for themselves lock each other out or change it under each other.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Refusal } from '../../base/refusal.ts';
import { inWords } from './failure.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

export type Journal = 'WAL' | 'DELETE';

export interface Database {
  readonly db: DatabaseSync;
  /** Whether a commit waits for no reader, and not for the disk: see `WriteAheadLog`. */
  readonly isWal: boolean;
}

/** Milliseconds that opening waits, blocking, for processes that are opening or closing the same file. */
const OPENING = 10_000;

/** @throws Refusal `INTERNAL` (`CHAIN_CONTENDED`, `CHAIN_BROKEN`) in words for the operator, without a path. */
export function openDatabase(path: string, journal: Journal = safestJournal()): Database {
  try {
    if (!existsSync(path)) {
      refuseOrphans(path);
      create(path, journal);
    }
    if (statSync(path).size === 0)
      throw unusable(path, 'is empty', 'Restore it from a backup, or remove it to begin a new chain.');
    return open(path);
  } catch (error) {
    throw isSystemError(error)
      ? unusable(
          path,
          `cannot be used (${error.code})`,
          'Make the data directory writable for the user of this process.',
        )
      : inWords(error);
  }
}

/** Older versions can lose committed pages when a log is reset while another process reads it (sqlite.org, 3.51.3). */
function safestJournal(): Journal {
  const [major = 0, minor = 0, patch = 0] = (process.versions.sqlite ?? '').split('.').map(Number);
  return major * 1_000_000 + minor * 1000 + patch >= 3_051_003 ? 'WAL' : 'DELETE';
}

/** A log without its database would be played into the new one. It is made after its database, so a twin that is just starting is no orphan. */
function refuseOrphans(path: string): void {
  const orphan = [`${path}-wal`, `${path}-journal`].find((each) => existsSync(each));
  if (orphan !== undefined && !existsSync(path))
    throw unusable(
      path,
      `is missing, but ${basename(orphan)} is there`,
      'Restore the data directory from a backup, or remove that file to begin a new chain.',
    );
}

function create(path: string, journal: Journal): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    // SQLite gives the files beside it the mode of this one.
    closeSync(openSync(draft, 'wx', 0o600));
    const db = connect(draft);
    try {
      db.exec(CAREFULLY);
      // Last, as closing says nothing of a log that it had no room to move: what is linked then is half a database.
      migrate(db, draft);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA journal_mode = ${journal}`);
    } finally {
      db.close();
    }
    link(draft, path);
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) if (existsSync(draft + suffix)) unlinkSync(draft + suffix);
  }
}

function link(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
  }
  syncDirectory(dirname(path));
}

/** The name must survive a power cut as the bytes do. Some systems cannot open a folder; there it is the file system's duty. */
function syncDirectory(path: string): void {
  try {
    const folder = openSync(path, 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch {}
}

function open(path: string): Database {
  const db = connect(path);
  try {
    db.exec(CAREFULLY);
    if (pragma(db, 'application_id') !== APPLICATION_ID)
      throw unusable(path, 'is not a database of this product', 'Choose another data directory with --data-dir.');
    migrate(db, path);
    const isWal = pragma(db, 'journal_mode') === 'wal';
    // From here on we wait ourselves, for locks and for the disk: SQLite's wait blocks the event loop and starves the unlucky.
    db.exec(`PRAGMA busy_timeout = 0; PRAGMA synchronous = ${isWal ? 'NORMAL' : 'EXTRA'}`);
    return { db, isWal };
  } catch (error) {
    db.close();
    throw error;
  }
}

function connect(path: string): DatabaseSync {
  // A static import would end an older Node before it can say that it is too old.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  return new DatabaseSync(path);
}

/** EXTRA is FULL, and where the journal is a file of its own its removal, which is the commit, is synced too. */
const CAREFULLY = `PRAGMA busy_timeout = ${OPENING}; PRAGMA synchronous = EXTRA; PRAGMA fullfsync = 1; PRAGMA trusted_schema = 0`;

function migrate(db: DatabaseSync, path: string): void {
  const newest = MIGRATIONS.length;
  if (version(db) > newest)
    throw unusable(
      path,
      'was written by a newer version of aga-delegate',
      'Start that version, or choose another data directory with --data-dir.',
    );
  if (version(db) === newest) return;
  // On failure the caller closes the database, which rolls all of it back.
  db.exec('BEGIN IMMEDIATE');
  // Another process may have done it while we waited.
  for (const step of MIGRATIONS.slice(version(db))) db.exec(step);
  db.exec(`PRAGMA user_version = ${newest}; COMMIT`);
}

const version = (db: DatabaseSync): number => Number(pragma(db, 'user_version'));

function pragma(db: DatabaseSync, name: string): unknown {
  return db.prepare(`PRAGMA ${name}`).get()?.[name];
}

function unusable(path: string, why: string, hint: string): Refusal {
  return new Refusal('INTERNAL', `The database ${basename(path)} ${why}.`, { hint });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
