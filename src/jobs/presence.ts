/**
 * Whether the process that looks after a job is still there: each holds a lock on a file of its own, which the operating
 * system takes away with the process, however it ended. A process id could be somebody else's by now.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

export interface Presence {
  /** How this process is named in what it accepts. */
  readonly id: string;
  /** From now on others find this process alive. */
  hold(): void;
  /** Whether that process has ended; of another machine, or of another data directory, nobody can say. */
  isGone(id: string): boolean | Promise<boolean>;
  release(): void;
}

/** On one machine, in one data directory. */
export interface LocalPresence extends Presence {
  /** Whether locks can tell of that process: it is of this place. */
  isHere(id: string): boolean;
  isGone(id: string): boolean;
}

/** For processes that share nothing. */
export const alone = (id: string): Presence => ({ id, hold: () => {}, isGone: () => false, release: () => {} });

export function filePresence(dataDir: string): LocalPresence {
  const directory = join(dataDir, 'supervisors');
  let place: string | undefined;
  // Where locks can be compared: one machine, one directory.
  const placeOf = (): string => {
    place ??= createHash('sha256')
      .update(`${hostname()}\n${realpathSync(dataDir)}`)
      .digest('hex')
      .slice(0, 12);
    return place;
  };
  const id = `${placeOf()}.${randomBytes(9).toString('hex')}`;
  const pathOf = (each: string): string => join(directory, `${each}.lock`);
  const isHere = (other: string): boolean => other.startsWith(`${placeOf()}.`) && /^[0-9a-f.]+$/.test(other);
  let lock: DatabaseSync | undefined;
  return {
    id,
    isHere,
    hold() {
      if (lock) return;
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      lock = openLock(pathOf(id));
      lock.exec('BEGIN EXCLUSIVE');
    },
    isGone(other) {
      if (other === id || !isHere(other)) return false;
      if (!existsSync(pathOf(other))) return true;
      if (isLocked(pathOf(other))) return false;
      remove(pathOf(other));
      return true;
    },
    release() {
      lock?.close();
      if (lock) remove(pathOf(id));
      lock = undefined;
    },
  };
}

function openLock(path: string): DatabaseSync {
  // Not imported: an older Node would end before it could say that it is too old.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const db = new DatabaseSync(path);
  db.exec('PRAGMA busy_timeout = 0');
  return db;
}

function isLocked(path: string): boolean {
  const db = openLock(path);
  try {
    db.exec('BEGIN EXCLUSIVE');
    return false;
  } catch {
    return true;
  } finally {
    db.close();
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process was faster.
  }
}
