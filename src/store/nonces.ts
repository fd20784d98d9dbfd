/**
 * What was used once, in a file beside the chain that the processes of one machine share.
 *
 * The file is not the chain: it is never synced, so a power cut may lose its last seconds, and by the time a machine is up
 * again the proofs that were in them have run out.
 */
import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Refusal } from '../base/refusal.ts';
import type { Clock, Nonces } from '../ports.ts';
import { inWords, isBusy, isDamaged } from './sqlite/failure.ts';

/** Milliseconds between two rounds of forgetting. */
const FORGET_EVERY = 10_000;
/** Milliseconds to wait for the lock. */
const PATIENCE = 4000;

interface Waiting {
  readonly id: string;
  readonly until: number;
  readonly resolve: (fresh: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Many waiting ids share one transaction. */
export class SqliteNonces implements Nonces {
  readonly #clock: Clock;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #forget: StatementSync;
  #waiting: Waiting[] = [];
  #draining = false;
  #next = 0;

  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    this.#db = openFile(path);
    this.#insert = this.#db.prepare('INSERT OR IGNORE INTO nonces VALUES (?, ?)');
    this.#forget = this.#db.prepare('DELETE FROM nonces WHERE until < ?');
  }

  once(id: string, until: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, until, resolve, reject });
      if (!this.#draining) void this.#drain();
    });
  }

  close(): void {
    this.#db.close();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    await turn();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const fresh = await this.#patiently(() => this.#write(batch));
        for (const [at, { resolve }] of batch.entries()) resolve(fresh[at]!);
      } catch {
        const error = new Refusal('CHAIN_CONTENDED', 'It could not be checked whether the proof was used before.');
        for (const { reject } of batch) reject(error);
      }
    }
    this.#draining = false;
  }

  #write(batch: readonly Waiting[]): boolean[] {
    const now = this.#clock();
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const fresh = batch.map(({ id, until }) => Number(this.#insert.run(id, until).changes) === 1);
      if (now >= this.#next) this.#forget.run(now);
      this.#db.exec('COMMIT');
      if (now >= this.#next) this.#next = now + FORGET_EVERY;
      return fresh;
    } catch (error) {
      if (this.#db.isTransaction ?? true) this.#rollback();
      throw error;
    }
  }

  #rollback(): void {
    try {
      this.#db.exec('ROLLBACK');
    } catch {
      // SQLite has done it already.
    }
  }

  async #patiently<T>(attempt: () => T): Promise<T> {
    for (const started = performance.now(); ; ) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || performance.now() - started > PATIENCE) throw error;
      }
      await sleep(1 + Math.random() * 5);
    }
  }
}

const SQLITE_CORRUPT = 11;

function openFile(path: string): DatabaseSync {
  try {
    return connect(path);
  } catch (error) {
    // Others may be using what only cannot be opened now.
    if (!isDamaged(error)) throw inWords(error);
    // After a power cut it may be half written; nothing in it is still of use.
    for (const each of [path, `${path}-journal`]) if (existsSync(each)) unlinkSync(each);
    return connect(path);
  }
}

function connect(path: string): DatabaseSync {
  // The file takes this mode, and so does its journal.
  closeSync(openSync(path, 'a', 0o600));
  // A static import would end an older Node before it can say that it is too old.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const db = new DatabaseSync(path);
  try {
    db.exec(`PRAGMA busy_timeout = ${PATIENCE}; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF`);
    db.exec('CREATE TABLE IF NOT EXISTS nonces (id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID');
    // What opens may be damaged further back, and would refuse every proof from then on.
    if (db.prepare('PRAGMA quick_check(1)').get()?.quick_check !== 'ok')
      throw Object.assign(new Error('damaged'), { errcode: SQLITE_CORRUPT });
    db.exec('PRAGMA busy_timeout = 0');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
