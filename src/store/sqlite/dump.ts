/** Everything in the file of a chain, read while its lock is held. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { toHex } from '../../base/encoding.ts';
import type { Dump, DumpedCheckpoint, DumpedEntry, DumpedNode, DumpedTouch } from '../dump.ts';
import { openDatabase } from './database.ts';
import { inWords } from './failure.ts';

/** Rows handed on at once. */
const PART = 1000;

/** @throws Refusal `CHAIN_CONTENDED` where another process is writing, and what opening throws. */
export function dumpOf(path: string): Dump {
  const { db } = openDatabase(path);
  try {
    // Writers wait meanwhile, and are refused when it takes too long.
    db.exec('PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE');
  } catch (error) {
    db.close();
    throw inWords(error);
  }
  const all = <T>(sql: string, read: (row: Cells) => T): Iterable<readonly T[]> => parts(db.prepare(sql), read);
  return {
    size: Number(db.prepare('SELECT count(*) AS n FROM entries').get()?.n),
    entries: () =>
      all(
        'SELECT seq, hash, kind, entry FROM entries ORDER BY seq',
        (row): DumpedEntry => ({
          seq: Number(row.seq),
          hash: String(row.hash),
          kind: String(row.kind),
          entry: String(row.entry),
        }),
      ),
    touches: () =>
      all(
        'SELECT artifact, direct, seq FROM touches',
        (row): DumpedTouch => ({
          artifact: hex(row.artifact),
          direct: Number(row.direct),
          seq: Number(row.seq),
        }),
      ),
    nodes: () =>
      all(
        'SELECT level, idx, hash FROM nodes',
        (row): DumpedNode => ({
          level: Number(row.level),
          idx: Number(row.idx),
          hash: String(row.hash),
        }),
      ),
    checkpoints: () =>
      all(
        'SELECT size, note FROM checkpoints ORDER BY size',
        (row): DumpedCheckpoint => ({
          size: Number(row.size),
          note: String(row.note),
        }),
      ),
    close: () => end(db),
  };
}

type Cells = Record<string, unknown>;

function* parts<T>(statement: StatementSync, read: (row: Cells) => T): Generator<readonly T[]> {
  let part: T[] = [];
  for (const row of statement.iterate()) {
    part.push(read(row));
    if (part.length < PART) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

const hex = (bytes: unknown): string => (bytes instanceof Uint8Array ? toHex(bytes) : '');

function end(db: DatabaseSync): void {
  db.exec('ROLLBACK');
  db.close();
}
