/** Brings a ledger up to the head of a store: from a snapshot where there is one, then entry by entry. */
import { broken, Ledger } from './authority/ledger.ts';
import { thaw } from './authority/snapshot.ts';
import { toDidKey } from './base/did-key.ts';
import { toHex } from './base/encoding.ts';
import { openCheckpoint, verifierKey } from './chain/checkpoint.ts';
import type { Cache, Head, Keys, Row, Store } from './ports.ts';

const PAGE = 1000;
const REMEMBER_MS = 1000;

export interface Caches {
  /** The last snapshot of the state. */
  readonly snapshot: Cache;
  /** The last checkpoint that this installation has seen, apart from the store: a chain cut behind it is noticed. */
  readonly checkpoint: Cache;
}

export class Follower {
  readonly origin: string;
  readonly logKey: string;
  readonly #store: Store;
  readonly #caches: Caches;
  readonly #keys: Keys;
  #due = false;

  constructor(store: Store, caches: Caches, keys: Keys, origin: string) {
    this.origin = origin;
    this.logKey = verifierKey(origin, keys.log.publicKey);
    this.#store = store;
    this.#caches = caches;
    this.#keys = keys;
  }

  /** A ledger at the head of the store. Throws `CHAIN_BROKEN` where the store no longer holds what was seen before. */
  async open(): Promise<Ledger> {
    const ledger = (await this.#fromSnapshot()) ?? new Ledger(this.origin);
    const remembered = await this.remembered();
    await this.catchUp(ledger, remembered);
    if (remembered && remembered.size > ledger.size) {
      throw broken(`The store holds ${ledger.size} entries; ${remembered.size} have been seen here before.`);
    }
    const { authority, logKey } = ledger.state;
    if (ledger.size > 0 && (authority !== toDidKey(this.#keys.authority.publicKey) || logKey !== this.logKey)) {
      throw broken('The keys here are not those that the chain began with.');
    }
    return ledger;
  }

  /** Follows every entry that the ledger has not seen. */
  async catchUp(ledger: Ledger, remembered?: { size: number; root: Uint8Array }): Promise<void> {
    for (;;) {
      const { rows, head } = await this.#store.read({ after: ledger.size - 1, limit: PAGE });
      for (const row of rows) {
        ledger.absorb(row);
        if (ledger.size === remembered?.size && toHex(ledger.frontier.root()) !== toHex(remembered.root)) {
          throw broken(`The first ${ledger.size} entries are not those that were seen here before.`);
        }
      }
      if (rows.length < PAGE) return this.agree(ledger, head);
    }
  }

  /** Follows rows that a commit has shown. */
  follow(ledger: Ledger, rows: readonly Row[], head: Head | null): void {
    for (const row of rows) ledger.absorb(row);
    this.agree(ledger, head);
  }

  agree(ledger: Ledger, head: Head | null): void {
    const [size, hash] = head ? [head.size, head.entry_hash] : [0, ledger.size === 0 ? ledger.lastHash : ''];
    if (size < ledger.size) {
      throw broken(`The store holds ${size} entries; ${ledger.size} have been seen here before.`);
    }
    // A head beyond the ledger was written after the rows were read; the next round follows it.
    if (size === ledger.size && hash !== ledger.lastHash) throw broken('The head of the chain is not its last entry.');
  }

  /** The checkpoint kept apart from the store, if it is one of this log. */
  async remembered(): Promise<{ size: number; root: Uint8Array } | undefined> {
    const note = await this.rememberedNote();
    return note === undefined ? undefined : openCheckpoint(note, this.logKey);
  }

  /** Keeps the checkpoint of a head, unless another process has kept a later one. */
  async remember(head: Head | null): Promise<void> {
    if (!head) return;
    const known = await this.remembered();
    if ((known?.size ?? 0) < head.size) {
      await this.#caches.checkpoint.save(new TextEncoder().encode(head.checkpoint));
    }
  }

  /** The same a second from now, once for all that happens until then: a process may be killed before it closes. */
  rememberSoon(head: () => Head | null): void {
    if (this.#due || !head()) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      void this.remember(head());
    }, REMEMBER_MS).unref();
  }

  async rememberedNote(): Promise<string | undefined> {
    const bytes = await this.#caches.checkpoint.load();
    return bytes && new TextDecoder().decode(bytes);
  }

  async #fromSnapshot(): Promise<Ledger | undefined> {
    const bytes = await this.#caches.snapshot.load();
    const ledger = bytes && thaw(bytes, this.origin, this.#keys.log.publicKey);
    if (!ledger || ledger.size === 0) return undefined;
    const { rows } = await this.#store.read({ after: ledger.size - 2, limit: 1 });
    if (rows[0]?.entry_hash === ledger.lastHash) return ledger;
    throw broken(`Entry ${ledger.size - 1} is not the one that was seen here before.`);
  }
}
