/**
 * The chains of many authorities in one PostgreSQL, each shared by many replicas.
 *
 * Nothing of our own makes consensus. A replica takes the lock on the chain's row, is shown what the others have
 * appended, and appends: two round trips for a whole batch, and what was decided first is written while the rest is
 * decided. A connection that breaks in mid-commit leaves its outcome unknown, and the server may still be busy with it:
 * nothing is read before that transaction has ended, which is when its lock can be had.
 */
import type { Decide, End, Follow, Index, Page, Query, Store, Tallied, Touch, Tree } from '../ports.ts';
import { checkBatch } from './batch.ts';
import { addressOf } from './postgres/address.ts';
import { appendOf, pieceOf } from './postgres/append.ts';
import { AppendLock, lockOf } from './postgres/append-lock.ts';
import { inWords, isAnswer, outcomeUnknown } from './postgres/failure.ts';
import { Flush } from './postgres/flush.ts';
import { chainOf, greet } from './postgres/greet.ts';
import { Herald } from './postgres/herald.ts';
import { type Cells, Link, type Session, type Statement } from './postgres/link.ts';
import { PREPARE_NEWS, page, pageOf } from './postgres/select.ts';
import { FIRST, lackingIn, lackingOf, talliedIn, tallyOf } from './postgres/touches.ts';

export interface PostgresOptions {
  /** `postgres://…`, with TLS options. */
  readonly url: string;
  /** Name of the authority: one chain each. */
  readonly chain: string;
  /** Milliseconds in which a lost database may come back before `CHAIN_CONTENDED`; 1,500 when absent, which leaves time to end a process cleanly. */
  readonly patience?: number;
  /** Milliseconds to wait at the start for a database that is just starting too; 10,000 when absent. */
  readonly opening?: number;
  /** Milliseconds to wait for the right to append before `CHAIN_CONTENDED`; 8,000 when absent. */
  readonly lock?: number;
  /** Milliseconds after which a replica that stands still loses the right to append; 10,000 when absent. */
  readonly standstill?: number;
  /** Milliseconds of silence after which the connection that listens is tried; 10,000 when absent. */
  readonly silence?: number;
}

/** Connects, and migrates where that is needed. @throws Refusal in words for the operator, without a password. */
export async function openPostgres(options: PostgresOptions): Promise<PostgresStore> {
  const store = new PostgresStore(options);
  try {
    await store.begin(options.opening ?? 10_000);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export class PostgresStore implements Store, Tree, Index {
  /** Kept apart, so that a reader never waits for the lock. */
  readonly #writer: Link;
  readonly #reader: Link;
  readonly #lock: AppendLock;
  readonly #herald: Herald;
  readonly #flush: Flush;
  #chain = 0;
  #known = false;
  /** A transaction of ours may not have ended yet. */
  #unsettled = false;
  #settling: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PostgresOptions) {
    const { url, chain, patience = 1500, lock = 8000, standstill = 10_000, silence = 10_000 } = options;
    const address = addressOf(url);
    const link = (prepare = '') =>
      new Link({
        address,
        patience,
        greet: async (session) => {
          await greet(session, { lock, standstill, known: this.#known });
          // Another server may number its chains in another way.
          this.#chain = await chainOf(session, chain);
          this.#known = true;
          if (prepare !== '') await session.run(prepare);
        },
      });
    this.#writer = link(PREPARE_NEWS);
    this.#reader = link();
    this.#lock = new AppendLock({
      writer: this.#writer,
      chain: () => this.#chain,
      read: (size, limit) => this.#reader.patiently((session) => this.#page(session, { after: size - 1, limit })),
    });
    this.#flush = new Flush(this.#reader, () => this.#chain);
    this.#herald = new Herald({ address, chain: (session) => chainOf(session, chain), silence });
  }

  /** Finds out whether the database can be used. @throws Refusal */
  begin(patience: number): Promise<void> {
    return this.#reader.patiently(async () => {}, patience);
  }

  async read(query: Query): Promise<Page> {
    await this.#settle();
    return this.#reader.patiently((session) => this.#page(session, query));
  }

  commit(size: number, decide: Decide, follow?: Follow): Promise<void> {
    // One transaction at a time on the one connection that writes.
    const turn = this.#last.then(async () => {
      await this.#settle();
      await this.#append(size, decide, follow);
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  durable(end: End): Promise<void> {
    return this.#flush.durable(end);
  }

  /** The signed checkpoint over so many entries, if a batch ended there. */
  async checkpoint(size: number): Promise<string | undefined> {
    const [found] = await this.#reader.patiently((session) =>
      session.ask({ name: 'note', text: NOTE, values: [this.#chain, size] }),
    );
    const note = found?.[0]?.[0];
    return note === undefined ? undefined : String(note);
  }

  async nodes(level: number, first: number, count: number): Promise<readonly string[]> {
    const [found = []] = await this.#reader.patiently((session) =>
      session.ask(
        level === 0
          ? { name: 'leaves', text: LEAVES, values: [this.#chain, first, first + count] }
          : { name: 'nodes', text: NODES, values: [this.#chain, first, first + count, level] },
      ),
    );
    const gap = found.findIndex(([index], i) => Number(index) !== first + i);
    return (gap === -1 ? found : found.slice(0, gap)).map(([, hash]) => String(hash));
  }

  async lacking(touches: readonly Touch[]): Promise<readonly Touch[]> {
    const [found = []] = await this.#reader.patiently((session) => session.ask(lackingOf(this.#chain, touches)));
    return lackingIn(found);
  }

  async *tally(size: number): AsyncGenerator<readonly Tallied[]> {
    const next = async (from: typeof FIRST) => {
      const [found = []] = await this.#reader.patiently((session) => session.ask(tallyOf(this.#chain, size, from)));
      return talliedIn(found);
    };
    for (let found = await next(FIRST); found; found = await next(found.end)) yield found.part;
  }

  /** Calls back when another replica has appended: a hint, which may be lost. */
  onNews(listener: () => void): () => void {
    return this.#herald.onNews(listener);
  }

  async close(): Promise<void> {
    await this.#herald.close();
    await Promise.all([this.#writer.close(), this.#reader.close()]);
  }

  async #append(from: number, decide: Decide, follow?: Follow): Promise<void> {
    const { session, passesOn, news, head } = await this.#lock.take(from, follow);
    // Pieces are on their way while the rest is decided.
    const written: Promise<unknown>[] = [];
    let sent = 0;
    let flushed: (end: End) => void;
    let end: End;
    const write = (...statements: readonly Statement[]): void => {
      const asked = session.ask(...statements);
      asked.catch(() => undefined); // told below
      written.push(asked);
    };
    try {
      const batch = decide(news, head, (rows) => {
        write(pieceOf(this.#chain, rows));
        sent += rows.length;
      });
      if (batch === null) return await this.#lock.release(session);
      checkBatch(batch, head?.size ?? 0);
      write(appendOf(this.#chain, batch.rows.slice(sent), batch.head), COMMIT);
      flushed = this.#flush.behind(session, passesOn);
      end = batch.head;
      this.#lock.keep(session, end.size);
    } catch (error) {
      await this.#lock.release(session);
      throw error;
    }
    try {
      await Promise.all(written);
      flushed(end);
      this.#lock.done();
    } catch (error) {
      if (isAnswer(error)) {
        // The server has refused the rows, and what follows a refused statement is rolled back.
        throw inWords(error);
      }
      this.#unsettled = true;
      this.#writer.drop();
      throw new Error('the connection was lost in mid-commit', { cause: error });
    }
    this.#herald.tell(this.#chain, this.#reader);
  }

  async #page(session: Session, query: Query): Promise<Page> {
    const [found] = await session.ask(pageOf(this.#chain, query));
    return page(found as readonly Cells[]);
  }

  /** Waits until a transaction whose outcome is unknown has ended: its lock is free then, and what is read is final. */
  async #settle(): Promise<void> {
    if (!this.#unsettled) return;
    this.#settling ??= this.#ended().finally(() => {
      this.#settling = undefined;
    });
    await this.#settling;
  }

  async #ended(): Promise<void> {
    try {
      await this.#writer.patiently((session) => session.run(lockOf(this.#chain)));
      this.#unsettled = false;
    } catch (error) {
      throw outcomeUnknown(error);
    }
  }
}

const COMMIT: Statement = { text: 'COMMIT' };
const LEAVES = `SELECT seq, encode(hash, 'hex') FROM aga.entries WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`;
const NODES =
  `SELECT idx, encode(hash, 'hex') FROM aga.nodes ` +
  'WHERE chain = $1 AND level = $4 AND idx >= $2 AND idx < $3 ORDER BY idx';
const NOTE = 'SELECT note FROM aga.checkpoints WHERE chain = $1 AND size = $2';
