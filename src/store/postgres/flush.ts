/**
 * From "everybody reads it" to "it stays": where others wait for the right to append, entries are committed without waiting
 * for the disk, so that it passes on at once, and are answered for behind a flush. One flush is good for every commit before it, by whomever, since
 * PostgreSQL writes one log; where it waits for a standby, so does the flush.
 */
import { Refusal } from '../../base/refusal.ts';
import type { End } from '../../ports.ts';
import { Batching } from './batching.ts';
import { outcomeUnknown } from './failure.ts';
import type { Link, Session, Statement } from './link.ts';

export class Flush {
  readonly #chain: () => number;
  readonly #others: Batching<End, boolean>;
  /** The one behind our last commit: whether the connection held until it was done. */
  #own: { readonly end: End; readonly done: Promise<boolean> } | undefined;

  /** `chain`: its number on the reader's connection. */
  constructor(reader: Link, chain: () => number) {
    this.#chain = chain;
    this.#others = new Batching((ends) => reader.patiently((session) => this.#find(session, ends)));
  }

  /** In the same breath as a commit, which `passesOn` or not; to be told when it stands, and how long it made the chain. */
  behind(session: Session, passesOn: boolean): (end: End) => void {
    const flushed = passesOn ? session.ask(FLUSH) : Promise.resolve();
    const done = flushed.then(
      () => true,
      () => false,
    );
    return (end) => {
      this.#own = { end, done };
    };
  }

  /** Resolves when the chain up to an end that was read or committed is on the disk. @throws Refusal where it is not. */
  async durable(end: End): Promise<void> {
    const own = this.#own;
    if (own && own.end.size === end.size && own.end.entry_hash === end.entry_hash && (await own.done)) return;
    const stands = await this.#others.ask(end).catch((error: unknown) => {
      throw outcomeUnknown(error);
    });
    if (stands) return;
    throw new Refusal('CHAIN_CONTENDED', 'The database has come back from a crash without the last entries.', {
      hint: 'Nobody was told of them, and they are not recorded: send the same request again.',
    });
  }

  /** A server that has crashed between the commit and the flush is found out by what it still has. */
  async #find(session: Session, ends: readonly End[]): Promise<readonly boolean[]> {
    const last = `{${ends.map(({ size }) => size - 1).join()}}`;
    const [, found = []] = await session.ask(FLUSH, { name: 'ends', text: ENDS, values: [this.#chain(), last] });
    const hashes = new Map(found.map(([seq, hash]) => [Number(seq), hash]));
    return ends.map(({ size, entry_hash }) => size === 0 || hashes.get(size - 1) === entry_hash);
  }
}

/** Any commit that waits for the disk, with next to nothing in it. */
const FLUSH: Statement = { name: 'flush', text: `SELECT pg_logical_emit_message(true, 'aga', '')` };
const ENDS = `SELECT seq, encode(hash, 'hex') FROM aga.entries WHERE chain = $1 AND seq = ANY ($2::bigint[])`;
