/** The tables of a chain. A statement that was released is never changed: a newer schema is one more item of the list. */

/** Marks the file as ours (`PRAGMA application_id`): "aga" and 1. */
export const APPLICATION_ID = 0x61676101;

/**
 * `entries` is the chain. `checkpoints` is every signed head there ever was, the last one the head (`frontier` is a
 * column of an earlier version, and stays empty). `touches` answers whose entries are whose, one row for an entry and an artifact: `direct` is 1 where
 * the entry names it and 0 where it names only a descendant. Every page that a commit touches is written twice, hence
 * no table for the head alone and one index for both questions.
 *
 * The triggers guard against mistakes; the owner of the file can drop them, and `verify` notices what was changed.
 */
const FIRST = `
  CREATE TABLE entries (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, kind TEXT NOT NULL, entry TEXT NOT NULL) STRICT;
  CREATE INDEX entries_by_kind ON entries (kind, seq);
  CREATE TABLE touches (
    artifact BLOB NOT NULL, direct INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (artifact, direct, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL, frontier BLOB NOT NULL) STRICT;
  CREATE TRIGGER entries_only_follow BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM entries)
    BEGIN SELECT RAISE(ABORT, 'the chain only grows at its end'); END;
  CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the chain only grows'); END;
  CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the chain only grows'); END;
  CREATE TRIGGER checkpoints_only_follow BEFORE INSERT ON checkpoints
    WHEN NEW.size <= (SELECT max(size) FROM checkpoints)
    BEGIN SELECT RAISE(ABORT, 'checkpoints only grow'); END;
  CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'checkpoints stay'); END;
  CREATE TRIGGER checkpoints_remain BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'checkpoints stay'); END;
`;

/** The hash tree above the leaves, at every eighth level; what an older version did not write is computed when asked for. */
const TREE = `
  CREATE TABLE nodes (
    level INTEGER NOT NULL, idx INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (level, idx)
  ) STRICT, WITHOUT ROWID;
`;

/** Up to where entries stand in files too, in which folder, and up to where their text was taken out of `entries`. */
const ARCHIVES = `
  CREATE TABLE archives (
    chain INTEGER PRIMARY KEY CHECK (chain = 0), folder TEXT NOT NULL, size INTEGER NOT NULL, removed INTEGER NOT NULL
  ) STRICT;
`;

/** Item n leads from version n to n + 1 (`PRAGMA user_version`). There is no way back. */
export const MIGRATIONS: readonly string[] = [FIRST, TREE, ARCHIVES];
