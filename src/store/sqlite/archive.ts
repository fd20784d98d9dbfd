/** The archive of a chain in a file, over a connection of its own. */
import type { DatabaseSync } from 'node:sqlite';
import type { Archived, Shelf } from '../archive/shelf.ts';
import { openDatabase } from './database.ts';
import { inWords } from './failure.ts';

/** Milliseconds to wait for another process's commit, blocking: this connection serves nobody. */
const PATIENCE = 8000;

/** What was recorded; only who meets an archived entry asks. @throws Refusal */
export async function archivedAt(path: string): Promise<Archived | null> {
  const shelf = sqliteShelf(path);
  return shelf.archived().finally(() => shelf.close());
}

/** @throws Refusal as opening the database does. */
export function sqliteShelf(path: string): Shelf {
  const { db } = openDatabase(path);
  db.exec(`PRAGMA busy_timeout = ${PATIENCE}; PRAGMA synchronous = EXTRA`);
  const words = async <T>(act: () => T): Promise<T> => {
    try {
      return act();
    } catch (error) {
      throw inWords(error);
    }
  };
  return {
    archived: () =>
      words(() => {
        const found = db.prepare(ARCHIVED).get();
        if (!found) return null;
        const origin = String(found.note).split('\n')[0] ?? '';
        return { folder: String(found.folder), size: Number(found.size), removed: Number(found.removed), origin };
      }),
    checkpointFrom: (size) =>
      words(() => {
        const found = db.prepare('SELECT size, note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1').get(size);
        return found && { size: Number(found.size), note: String(found.note) };
      }),
    weigh: (first, end) => words(() => Number(db.prepare(WEIGH).get(first, end)?.bytes)),
    // A process that can open the file owns it.
    mayRemove: async () => {},
    record: (folder, size, before) =>
      words(() => {
        const seen = [before?.folder ?? null, before?.size ?? null, before?.removed ?? null];
        return Number(db.prepare(RECORD).run(folder, size, ...seen).changes) > 0;
      }),
    thin: (first, end, spared) => words(() => inOne(db, () => thin(db, first, end, spared))),
    kept: (kinds, after, end) =>
      words(() =>
        db
          .prepare(KEPT)
          .all(JSON.stringify(kinds), after, end)
          .map(({ seq }) => Number(seq)),
      ),
    // Free pages are used by what comes next; statistics would lead the planner away from the indexes that are meant.
    tidy: (compact) => words(() => (compact ? db.exec('VACUUM') : undefined)),
    async close() {
      if (db.isOpen) db.close();
    },
  };
}

/** The trigger that refuses changes is away inside this transaction only, in which nobody else can write. */
function thin(db: DatabaseSync, first: number, end: number, spared: readonly number[]): number {
  const { size, removed } = db.prepare('SELECT size, removed FROM archives').get() ?? { size: 0, removed: 0 };
  const { last } = db.prepare('SELECT max(size) AS last FROM checkpoints').get() ?? { last: 0 };
  if (end > Number(size) || first > Number(removed) || end >= Number(last))
    throw new TypeError('no archive covers these entries');
  const guard = db.prepare(`SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'entries_stay'`).get();
  db.exec('DROP TRIGGER entries_stay');
  const { changes } = db.prepare(THIN).run(first, end, JSON.stringify(spared));
  db.exec(String(guard?.sql));
  db.prepare('UPDATE archives SET removed = max(removed, ?)').run(end);
  return Number(changes);
}

function inOne<T>(db: DatabaseSync, act: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const done = act();
    db.exec('COMMIT');
    return done;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

const ARCHIVED =
  'SELECT folder, archives.size AS size, removed, note FROM archives, checkpoints ORDER BY checkpoints.size DESC LIMIT 1';
const WEIGH = 'SELECT coalesce(sum(octet_length(entry)), 0) AS bytes FROM entries WHERE seq >= ? AND seq < ?';
const RECORD = `
  INSERT INTO archives VALUES (0, ?, ?, 0)
  ON CONFLICT DO UPDATE SET folder = excluded.folder, size = iif(folder = excluded.folder, max(size, excluded.size), excluded.size)
  WHERE folder = ? AND size = ? AND removed = ?`;
const THIN = `
  UPDATE entries SET entry = ''
  WHERE seq >= ? AND seq < ? AND entry <> '' AND seq NOT IN (SELECT value FROM json_each(?))`;
const KEPT = `
  SELECT seq FROM entries WHERE kind IN (SELECT value FROM json_each(?)) AND seq > ? AND seq < ? AND entry <> ''
  ORDER BY seq LIMIT 1000`;
