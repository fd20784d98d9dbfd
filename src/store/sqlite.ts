/** The chain in one file, by the SQLite that Node carries: many processes, one writer at a time, durable at commit. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromHex } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import type { Decide, End, Head, Index, Page, Query, Row, Store, Tallied, Touch, Tree } from '../ports.ts';
import { checkBatch } from './batch.ts';
import { placeOf } from './place.ts';
import { type Journal, openDatabase } from './sqlite/database.ts';
import { inWords, isBusy } from './sqlite/failure.ts';
import { selectOf } from './sqlite/select.ts';
import { FIRST, lackingIn, talliedIn } from './sqlite/touches.ts';
import { WriteAheadLog } from './sqlite/write-ahead-log.ts';
import { touchesOf } from './touches.ts';

export interface SqliteOptions {
  /** Only for a file that does not exist yet; what suits this version of SQLite when absent. */
  readonly journal?: Journal;
  /** Milliseconds to wait for the lock before `CHAIN_CONTENDED`; 8,000 when absent. */
  readonly patience?: number;
}

/** Opens the database, or makes it with mode 0600. @throws Refusal `INTERNAL` where it cannot be used. */
export function openSqlite(path: string, options: SqliteOptions = {}): SqliteStore {
  return new SqliteStore(path, options);
}

export class SqliteStore implements Store, Tree, Index {
  readonly #db: DatabaseSync;
  /** Undefined with a rollback journal: its commit is durable when it returns. */
  readonly #log: WriteAheadLog | undefined;
  readonly #isInPlace: () => boolean;
  readonly #patience: number;
  readonly #statements = new Map<string, StatementSync>();
  #closed = false;
  /** The end as this connection saw it last: nothing stands behind `last` as long as the version is the same. */
  #seen: { readonly version: unknown; readonly last: number; readonly head: Head | null } | undefined;

  constructor(path: string, { journal, patience = 8000 }: SqliteOptions) {
    const { db, isWal } = openDatabase(path, journal);
    this.#db = db;
    this.#log = isWal ? new WriteAheadLog(path) : undefined;
    this.#isInPlace = placeOf(path, ...(isWal ? [`${path}-wal`, `${path}-shm`] : []));
    this.#patience = patience;
  }

  read(query: Query): Promise<Page> {
    return this.#patiently(() => {
      const { after, limit, kind, names, within } = query;
      if (this.#seen && after >= this.#seen.last && this.#version() === this.#seen.version)
        return { rows: [], head: this.#seen.head };
      this.#run('BEGIN');
      try {
        const { sql, values } = selectOf(query);
        const page = { rows: this.#statement(sql).all(values).map(rowOf), head: this.#head() };
        const isEnd = page.rows.length < limit && after < (page.head?.size ?? 0);
        if (isEnd && kind === undefined && names === undefined && within === undefined)
          this.#see(page.rows.at(-1)?.sequence_number ?? after, page.head, this.#version());
        return page;
      } finally {
        this.#rollback();
      }
    });
  }

  commit(size: number, decide: Decide): Promise<void> {
    return this.#patiently(() => {
      if (!this.#isInPlace()) throw elsewhere();
      // Only the lock is waited for; until the commit nothing else of this process runs.
      this.#run('BEGIN IMMEDIATE');
      try {
        this.#append(size, decide);
        if (this.#log) this.#run('COMMIT');
        else this.#commitBesideReaders();
      } catch (error) {
        this.#seen = undefined;
        this.#rollback();
        throw inWords(error);
      }
    });
  }

  async durable(_: End, idle: boolean): Promise<void> {
    await this.#log?.sync(idle);
  }

  /** The signed checkpoint over so many entries, if a batch ended there. */
  checkpoint(size: number): Promise<string | undefined> {
    return this.#patiently(() => {
      const found = this.#statement('SELECT note FROM checkpoints WHERE size = ?').get(size);
      return found === undefined ? undefined : String(found.note);
    });
  }

  nodes(level: number, first: number, count: number): Promise<readonly string[]> {
    return this.#patiently(() => {
      const rows = this.#statement(level === 0 ? LEAVES : NODES).all({ level, first, end: first + count });
      const gap = rows.findIndex(({ idx }, i) => Number(idx) !== first + i);
      return (gap === -1 ? rows : rows.slice(0, gap)).map(({ hash }) => String(hash));
    });
  }

  lacking(touches: readonly Touch[]): Promise<readonly Touch[]> {
    return this.#patiently(() => {
      this.#run('BEGIN');
      try {
        return lackingIn(this.#all, touches);
      } finally {
        this.#rollback();
      }
    });
  }

  async *tally(size: number): AsyncGenerator<readonly Tallied[]> {
    const next = (from: typeof FIRST) => this.#patiently(() => talliedIn(this.#all, size, from));
    for (let found = await next(FIRST); found; found = await next(found.end)) yield found.part;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#log?.close();
    this.#statements.clear();
    this.#db.close();
  }

  #append(size: number, decide: Decide): void {
    const head = this.#head();
    const stored = head?.size ?? 0;
    const news = stored === size ? [] : this.#statement(NEWS).all(size).map(rowOf);
    const batch = decide(news, head);
    if (batch === null) return;
    checkBatch(batch, stored);
    for (const row of batch.rows) this.#insert(row);
    const { head: next } = batch;
    this.#run("INSERT INTO checkpoints VALUES (?, ?, x'')", next.size, next.checkpoint);
    // Where the end was still the one we saw, nobody else has committed; were that wrong, the next read would only be slower.
    const isOurs = this.#seen?.head?.size === stored;
    this.#see(next.size - 1, next, isOurs ? this.#seen?.version : this.#version());
  }

  #insert(row: Row): void {
    this.#run('INSERT INTO entries VALUES (?, ?, ?, ?)', row.sequence_number, row.entry_hash, row.kind, row.entry);
    for (const { artifact, direct, seq } of touchesOf(row))
      this.#run('INSERT OR IGNORE INTO touches VALUES (?, ?, ?)', bytesOf(artifact), direct, seq);
    for (const { level, index, hash } of row.nodes ?? [])
      this.#run('INSERT INTO nodes VALUES (?, ?, ?)', level, index, hash);
  }

  #see(last: number, head: Head | null, version: unknown): void {
    this.#seen = { version, last, head };
  }

  /** Another one after every commit of another connection (sqlite.org/pragma.html#pragma_data_version). */
  #version(): unknown {
    return this.#statement('PRAGMA data_version').get()?.data_version;
  }

  #head(): Head | null {
    const found = this.#statement(HEAD).get();
    return found === undefined ? null : headOf(found);
  }

  /** A rollback journal cannot be committed while anybody reads, and reading takes no time: this once SQLite may wait. */
  #commitBesideReaders(): void {
    this.#db.exec(`PRAGMA busy_timeout = ${this.#patience}`);
    try {
      this.#run('COMMIT');
    } finally {
      this.#db.exec('PRAGMA busy_timeout = 0');
    }
  }

  #rollback(): void {
    try {
      this.#run('ROLLBACK');
    } catch {
      // After some failures SQLite has already done it.
    }
  }

  /** Repeats what found the database busy, leaving the event loop free between attempts; the jitter keeps it fair. */
  async #patiently<T>(attempt: () => T): Promise<T> {
    for (const started = performance.now(); ; ) {
      this.#log?.refuseAfterFailure();
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || performance.now() - started > this.#patience) throw inWords(error);
      }
      await sleep(1 + Math.random() * 8);
    }
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  readonly #all = (sql: string, ...values: SQLInputValue[]) => this.#statement(sql).all(...values);

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const NODES = 'SELECT idx, hash FROM nodes WHERE level = $level AND idx >= $first AND idx < $end ORDER BY idx';
const LEAVES = 'SELECT seq AS idx, hash FROM entries WHERE $level = 0 AND seq >= $first AND seq < $end ORDER BY seq';
const NEWS = 'SELECT seq, hash, kind, entry FROM entries WHERE seq >= ? ORDER BY seq';
/** LEFT: where the last entry has been cut off, the head still says that there was one, and the reader finds it missing. */
const HEAD = 'SELECT size, hash, note FROM checkpoints LEFT JOIN entries ON seq = size - 1 ORDER BY size DESC LIMIT 1';

const elsewhere = (): Refusal =>
  new Refusal('INTERNAL', 'The data directory was moved, replaced or removed while it was used; nothing was written.', {
    hint: 'Put back what was there, or start this process again to work with what is there now.',
  });

const headOf = ({ size, hash, note }: Record<string, unknown>): Head => ({
  size: Number(size),
  entry_hash: String(hash ?? ''),
  checkpoint: String(note),
});

function rowOf({ seq, hash, kind, entry }: Record<string, unknown>): Row {
  return {
    sequence_number: Number(seq),
    entry_hash: String(hash),
    kind: String(kind),
    entry: String(entry),
    names: [],
    within: [],
  };
}

/** @throws TypeError on a row that names no hash: only our own bug makes one. */
function bytesOf(artifact: string): Uint8Array {
  const bytes = fromHex(artifact);
  if (bytes?.length !== 32) throw new TypeError('a row that names no artifact hash');
  return bytes;
}
