/**
 * The one right to append, which is the lock on the chain's row, and what others have appended before we had it.
 *
 * What is slow is done before it is had: a replica far behind follows the chain first, and only the last of it under the
 * lock. (To follow while one waits for one's turn as well was measured: the round trip that it adds under the lock costs
 * more than it saves.) A replica that has appended and has more to append asks for the right again in the same breath:
 * alone, it saves a round trip; beside others, it stands in the queue while it collects what to append.
 */
import type { Head, Page, Row } from '../../ports.ts';
import type { Cells, Link, Session } from './link.ts';
import { newsFrom, page } from './select.ts';

/** Shows rows that stand on the chain already, before the right to append is had. */
export type Follow = (rows: readonly Row[]) => void | Promise<void>;

export interface Held {
  readonly session: Session;
  readonly news: readonly Row[];
  readonly head: Head | null;
}

export interface RightOptions {
  readonly writer: Link;
  /** Number of the chain on the writer's connection. */
  readonly chain: () => number;
  /** Entries from a size on, as many as there are up to a limit; needs no lock. */
  readonly read: (size: number, limit: number) => Promise<Page>;
}

interface Kept {
  readonly size: number;
  readonly held: Promise<Held | undefined>;
  timer?: NodeJS.Timeout;
}

/** Entries that may be followed under the lock: some milliseconds' worth. */
const UNDER_LOCK = 500;
const PAGE = 1000;
/** Attempts to catch up with replicas that append faster than we follow; then the lock stops them. */
const ATTEMPTS = 5;
/** Milliseconds between two commits of a replica that has always more to append. */
const BUSY = 3;
/** Milliseconds for which the right is kept for it without use, and in all before it stands behind the others for sure. */
const KEEP = 2;
const TURN = 40;

export class Right {
  readonly #options: RightOptions;
  #ended = Number.NEGATIVE_INFINITY;
  #since = 0;
  #streak = 0;
  #kept: Kept | undefined;

  constructor(options: RightOptions) {
    this.#options = options;
  }

  /** Has the right, and every row from `size` on that `follow` was not shown. Throws refusals. */
  async take(size: number, follow?: Follow): Promise<Held> {
    this.#streak = performance.now() - this.#ended < BUSY ? this.#streak + 1 : 0;
    return (await this.#claimed(size)) ?? this.#fresh(size, follow);
  }

  /** To be asked for in the same breath as a commit that makes the chain so long. */
  keep(session: Session, size: number): void {
    if (this.#streak < 2 || performance.now() - this.#since > TURN) return;
    const kept: Kept = {
      size,
      held: this.#locked(session, size, MOST).then(
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

  /** Gives the right back; where that fails, the connection goes, and the server does it. */
  async release(session: Session): Promise<void> {
    await session.ask(ROLLBACK).catch(() => this.#options.writer.drop());
  }

  async #claimed(size: number): Promise<Held | undefined> {
    const kept = this.#kept;
    if (!kept) return undefined;
    this.#kept = undefined;
    const held = await kept.held;
    clearTimeout(kept.timer);
    if (held && kept.size === size) return held;
    if (held) await this.release(held.session);
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

  async #fresh(from: number, follow?: Follow): Promise<Held> {
    const { writer, read } = this.#options;
    let size = from;
    for (let attempt = 0; ; attempt++) {
      const limit = follow && attempt < ATTEMPTS ? UNDER_LOCK : MOST;
      const held = await writer.patiently((session) => this.#locked(session, size, limit));
      if (held.news.length < limit) {
        this.#since = performance.now();
        return held;
      }
      await this.release(held.session);
      for (let count = PAGE; count === PAGE; size += count) {
        const { rows } = await read(size, PAGE);
        await follow?.(rows);
        count = rows.length;
      }
    }
  }

  /** The lock and the news in one round trip. */
  async #locked(session: Session, size: number, limit: number): Promise<Held> {
    const chain = this.#options.chain();
    try {
      const [, , found = []] = await session.run(`${BEGIN}; ${lockOf(chain)}; ${newsFrom(chain, size, limit)}`);
      return heldOf(session, found);
    } catch (error) {
      await this.release(session);
      throw error;
    }
  }
}

function heldOf(session: Session, found: readonly Cells[]): Held {
  const { rows, head } = page(found);
  return { session, news: rows, head };
}

const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
const ROLLBACK = { text: 'ROLLBACK' };
/** The largest LIMIT that there is. */
const MOST = Number.MAX_SAFE_INTEGER;
/** Whole numbers of our own stand in these texts, nothing else. */
export const lockOf = (chain: number): string => `SELECT FROM aga.chains WHERE id = ${chain} FOR UPDATE`;
