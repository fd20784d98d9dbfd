/**
 * The lock to append: the database's lock on the chain's row, and the entries that others appended before we got it.
 *
 * Slow work is done before taking it. A replica far behind first follows the chain without any lock. When others append
 * too, writers queue in front of the lock: the next in line follows the chain while the one before still appends, and
 * under the lock only what that one added. A single writer skips the line, which would cost it a round trip.
 *
 * A replica with more to append asks for the lock again together with its commit: alone this saves a round trip; beside
 * others it waits in line while it collects its next batch.
 */
import type { Follow, Head, Page, Row } from '../../ports.ts';
import { meaningOf } from './failure.ts';
import type { Link, Session } from './link.ts';
import { newsFrom, newsOf } from './select.ts';

export interface Held {
  readonly session: Session;
  /** Whether its commit leaves the disk to a flush: others stand in the line. */
  readonly passesOn: boolean;
  readonly news: readonly Row[];
  readonly head: Head | null;
}

export interface AppendLockOptions {
  readonly writer: Link;
  /** Number of the chain on the writer's connection. */
  readonly chain: () => number;
  /** Entries from a size on, as many as there are up to a limit; needs no lock. */
  readonly read: (size: number, limit: number) => Promise<Page>;
}

/** A request for the lock: what the writer has followed so far, and how it follows more before it has the lock. */
interface Asking {
  size: number;
  readonly follow: Follow | undefined;
}

/** Asked for in advance: the lock itself, or a place in the line. */
interface Kept {
  readonly size: number;
  readonly inLine: boolean;
  readonly held: Promise<Held | undefined>;
  timer?: NodeJS.Timeout;
}

/** Entries that may be followed while others wait: some milliseconds' worth. */
const AT_ONCE = 500;
const PAGE = 1000;
/** Attempts to catch up with replicas that append faster than we follow; then the lock stops them. */
const ATTEMPTS = 5;
/** Milliseconds between two commits of a replica that has always more to append. */
const BUSY = 3;
/** Milliseconds for which the lock is kept without use, and for which one replica may go on before others get their turn. */
const KEEP = 2;
const TURN = 40;

export class AppendLock {
  readonly #options: AppendLockOptions;
  #ended = Number.NEGATIVE_INFINITY;
  #since = 0;
  #streak = 0;
  /** Whether others appended between our last two commits. */
  #crowded = false;
  #kept: Kept | undefined;

  constructor(options: AppendLockOptions) {
    this.#options = options;
  }

  /** Takes the lock; also returns every row from `size` on that `follow` was not shown. Throws refusals. */
  async take(size: number, follow?: Follow): Promise<Held> {
    this.#streak = performance.now() - this.#ended < BUSY ? this.#streak + 1 : 0;
    const asking: Asking = { size, follow };
    const held = (await this.#claimed(asking)) ?? (await this.#fresh(asking));
    this.#crowded = asking.size + held.news.length > size;
    return held;
  }

  /** Asks for the lock again, together with a commit that brings the chain to this size. */
  keep(session: Session, size: number): void {
    if (this.#streak < 2 || performance.now() - this.#since > TURN) return;
    const inLine = this.#crowded;
    const kept: Kept = {
      size,
      inLine,
      held: (inLine ? this.#stand(session, size, AT_ONCE) : this.#locked(session, size, MOST)).then(
        (held) => {
          kept.timer = setTimeout(() => void this.#drop(kept), KEEP);
          return held;
        },
        () => undefined,
      ),
    };
    this.#kept = kept;
  }

  /** To be called when a commit has ended. */
  done(): void {
    this.#ended = performance.now();
  }

  /** Gives back the lock and the place in the line. If that fails, the connection is dropped, so the server does it. */
  async release(session: Session): Promise<void> {
    await session.run(`ROLLBACK; ${LEAVE}`).catch(() => this.#options.writer.drop());
  }

  async #claimed(asking: Asking): Promise<Held | undefined> {
    const kept = this.#kept;
    if (!kept) return undefined;
    this.#kept = undefined;
    const held = await kept.held;
    clearTimeout(kept.timer);
    if (!held) return undefined;
    if (kept.size === asking.size && !kept.inLine) return held;
    if (kept.size === asking.size && asking.follow && held.news.length < AT_ONCE) {
      // The fault of a database or a connection may be gone at the next attempt.
      return this.#stepUp(held, asking, MOST).catch((error: unknown) => {
        if (meaningOf(error)) return undefined;
        throw error;
      });
    }
    await this.release(held.session);
    return undefined;
  }

  async #drop(kept: Kept): Promise<void> {
    if (this.#kept !== kept) return;
    this.#kept = undefined;
    clearTimeout(kept.timer);
    const held = await kept.held;
    clearTimeout(kept.timer);
    if (held) await this.release(held.session);
  }

  async #fresh(asking: Asking): Promise<Held> {
    const { writer, read } = this.#options;
    const { follow } = asking;
    for (let attempt = 0; ; attempt++) {
      const limit = follow && attempt < ATTEMPTS ? AT_ONCE : MOST;
      const held = await writer.patiently((session) =>
        follow && this.#crowded ? this.#inTurn(session, asking, limit) : this.#locked(session, asking.size, limit),
      );
      if (held.news.length < limit) {
        this.#since = performance.now();
        return held;
      }
      await this.release(held.session);
      for (let count = PAGE; count === PAGE; ) {
        const { rows } = await read(asking.size, PAGE);
        await show(asking, rows);
        count = rows.length;
      }
    }
  }

  /** The lock by way of the line; without the lock if there is too much to follow while in line. */
  async #inTurn(session: Session, asking: Asking, limit: number): Promise<Held> {
    const held = await this.#stand(session, asking.size, limit);
    return held.news.length < limit ? this.#stepUp(held, asking, limit) : held;
  }

  /** Follows the chain while another replica appends, then takes its place, with what it added. */
  async #stepUp({ session, news }: Held, asking: Asking, limit: number): Promise<Held> {
    try {
      await show(asking, news);
    } catch (error) {
      await this.release(session);
      throw error;
    }
    const chain = this.#options.chain();
    return this.#held(session, true, `${lockOf(chain)}; ${LEAVE}; ${newsFrom(chain, asking.size, limit)}`);
  }

  /** Becomes first in line, and gets the news. The transaction has begun, so that the server ends it if we hang. */
  #stand(session: Session, size: number, limit: number): Promise<Held> {
    const chain = this.#options.chain();
    const line = `SELECT pg_advisory_lock(${LINE}, ${chain})`;
    return this.#held(session, true, `${BEGIN}; ${PASS_ON}; ${line}; ${newsFrom(chain, size, limit)}`);
  }

  /** The lock and the news in one round trip. */
  #locked(session: Session, size: number, limit: number): Promise<Held> {
    const chain = this.#options.chain();
    return this.#held(session, false, `${BEGIN}; ${lockOf(chain)}; ${newsFrom(chain, size, limit)}`);
  }

  async #held(session: Session, passesOn: boolean, statements: string): Promise<Held> {
    try {
      const { rows: news, head } = newsOf((await session.run(statements)).at(-1) ?? []);
      return { session, passesOn, news, head };
    } catch (error) {
      await this.release(session);
      throw error;
    }
  }
}

async function show(asking: Asking, rows: readonly Row[]): Promise<void> {
  await asking.follow?.(rows);
  asking.size += rows.length;
}

const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
/** The next writer need not wait for our disk: one flush covers everything that was committed by then. */
const PASS_ON = 'SET LOCAL synchronous_commit = off';
/** The largest LIMIT that there is. */
const MOST = Number.MAX_SAFE_INTEGER;
/** "aga": advisory locks are numbers that all programs on a database share. */
const LINE = 0x616761;
/** This connection has no other advisory lock. */
const LEAVE = 'SELECT pg_advisory_unlock_all()';
/** Whole numbers of our own stand in these texts, nothing else. */
export const lockOf = (chain: number): string => `SELECT FROM aga.chains WHERE id = ${chain} FOR UPDATE`;
