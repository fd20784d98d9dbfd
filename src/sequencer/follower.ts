/**
 * Brings a ledger up to the head of a store: from a snapshot if there is one, then entry by entry. It notices a store
 * that has lost or changed what was seen before, and knows which key signs the log.
 */
import { broken, Ledger } from '../authority/ledger.ts';
import { keyAt, type LogKey } from '../authority/log-keys.ts';
import { thaw } from '../authority/snapshot.ts';
import type { State } from '../authority/state.ts';
import { toDidKey } from '../base/did-key.ts';
import { toHex } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import {
  type Checkpoint,
  claimedSize,
  openCheckpoint,
  parseVerifierKey,
  readNote,
  verifierKey,
} from '../chain/checkpoint.ts';
import type { Cache, Head, Keys, Row, Signer, Store } from '../ports.ts';

const PAGE = 1000;
const REMEMBER_MS = 1000;

export interface Caches {
  /** The last snapshot of the state. */
  readonly snapshot: Cache;
  /** The last checkpoint that this installation has seen, kept apart from the store so that a cut chain is noticed. */
  readonly checkpoint: Cache;
}

export class Follower {
  readonly origin: string;
  #log: Signer;
  #logKey: string;
  #lacking = false;
  /** All keys of the log that the chain has named so far. */
  #logKeys: readonly LogKey[] = [];
  readonly #store: Store;
  readonly #caches: Caches;
  readonly #keys: Keys;
  /** The last head that was found to be signed by the log, or that we have signed. */
  #agreed: Head | undefined;
  #due = false;
  #kept = 0;

  constructor(store: Store, caches: Caches, keys: Keys, origin: string) {
    this.origin = origin;
    this.#log = keys.log;
    this.#logKey = verifierKey(origin, keys.log.publicKey);
    this.#store = store;
    this.#caches = caches;
    this.#keys = keys;
  }

  /** A ledger at the head of the store. Throws `CHAIN_BROKEN` where the store no longer holds what was seen before. */
  async open(): Promise<Ledger> {
    const ledger = (await this.#fromSnapshot()) ?? new Ledger(this.origin);
    this.#kept = ledger.size;
    const note = await this.rememberedNote();
    await this.catchUp(ledger, note);
    const remembered = note === undefined ? undefined : this.#vouched(note, ledger.state);
    if (remembered && remembered.size > ledger.size) {
      throw broken(`The store holds ${ledger.size} entries; ${remembered.size} have been seen here before.`);
    }
    const { authority, logKeys } = ledger.state;
    const isOurs = (): boolean => logKeys.some(({ key }) => key === this.#logKey);
    if (ledger.size > 0 && (authority !== toDidKey(this.#keys.authority.publicKey) || !isOurs())) {
      throw broken('The keys here are not those that the chain began with.');
    }
    this.turn(ledger.state);
    return ledger;
  }

  /** Entries under the snapshot that `open` began with; 0 without one. */
  get kept(): number {
    return this.#kept;
  }

  /** C2SP verifier key of the log, as far as this process has followed it. */
  get logKey(): string {
    return this.#logKey;
  }

  /** Whether the log now has a key that this process does not hold. */
  get lacking(): boolean {
    return this.#lacking;
  }

  /** Signs checkpoints, exports and snapshots. Throws once the log has a key that this process does not hold. */
  get log(): Signer {
    if (!this.#lacking) return this.#log;
    return {
      publicKey: this.#log.publicKey,
      sign() {
        throw lacksKey();
      },
    };
  }

  /** Takes the key that the chain now names; false if this process does not hold it. */
  turn({ logKey, logKeys }: State): boolean {
    this.#logKeys = logKeys;
    if (logKey === null || logKey === this.#logKey) return true;
    const next = this.#successor(logKey);
    this.#lacking = next === undefined;
    if (next === undefined) return false;
    this.#log = next;
    this.#logKey = logKey;
    return true;
  }

  /** Signs the head after a batch. If the batch changed the log's key, both keys sign. */
  seal(ledger: Ledger): Head {
    const { logKey } = ledger.state;
    const isOurs = logKey === this.#logKey;
    const signer = isOurs ? this.log : this.#successor(logKey ?? '');
    if (!signer) throw lacksKey();
    const head = ledger.head(signer, ...(isOurs ? [] : [this.log]));
    this.#agreed = head;
    return head;
  }

  #successor(logKey: string): Signer | undefined {
    const key = parseVerifierKey(logKey);
    return key && this.#keys.successor?.(key.publicKey);
  }

  /** The checkpoint in a note that is signed by the log's key of that time, or by ours. */
  #vouched(note: string, { logKeys }: State): Checkpoint | undefined {
    const key = keyAt(logKeys, claimedSize(note) ?? 0);
    return (key === undefined ? undefined : openCheckpoint(note, key)) ?? openCheckpoint(note, this.#logKey);
  }

  /** Follows every entry that the ledger has not seen, and compares them with the `remembered` note on the way. */
  async catchUp(ledger: Ledger, remembered?: string): Promise<void> {
    const size = claimedSize(remembered ?? '');
    for (;;) {
      const { rows, head } = await this.#store.read({ after: ledger.size - 1, limit: PAGE });
      for (const row of rows) {
        ledger.absorb(row);
        if (ledger.size !== size) continue;
        const seen = this.#vouched(remembered ?? '', ledger.state);
        if (seen && toHex(ledger.frontier.root()) !== toHex(seen.root))
          throw broken(`The first ${ledger.size} entries are not those that were seen here before.`);
      }
      if (rows.length < PAGE) return this.agree(ledger, head);
    }
  }

  /** Follows the rows that a store showed during a commit. */
  follow(ledger: Ledger, rows: readonly Row[], head: Head | null): void {
    for (const row of rows) ledger.absorb(row);
    this.agree(ledger, head);
  }

  /**
   * Only what the log's key has signed is followed. Whoever can add rows to a store need not have that key, and what we
   * append behind them we sign.
   */
  agree(ledger: Ledger, head: Head | null): void {
    const [size, hash] = head ? [head.size, head.entry_hash] : [0, ledger.size === 0 ? ledger.lastHash : ''];
    if (size < ledger.size) {
      throw broken(`The store holds ${size} entries; ${ledger.size} have been seen here before.`);
    }
    // A store shows its rows and its head at one moment.
    if (size > ledger.size) throw broken(`The signed head covers ${size} entries; the store holds ${ledger.size}.`);
    if (hash !== ledger.lastHash) throw broken('The head of the chain is not its last entry.');
    if (!head || (hash === this.#agreed?.entry_hash && head.checkpoint === this.#agreed.checkpoint)) return;
    const signed = openCheckpoint(head.checkpoint, keyAt(ledger.state.logKeys, size) ?? '');
    if (signed?.size !== size || toHex(signed.root) !== toHex(ledger.frontier.root()))
      throw broken('The head of the chain is not signed by the key of its log.');
    this.#agreed = head;
  }

  /** Keeps the checkpoint of a head, unless another process has kept a later one. */
  async remember(head: Head | null): Promise<void> {
    if (!head) return;
    const note = (await this.rememberedNote()) ?? '';
    if (note.startsWith(`${this.origin}\n`) && (claimedSize(note) ?? 0) >= head.size && this.#mayStand(note)) return;
    await this.#caches.checkpoint.save(new TextEncoder().encode(head.checkpoint));
  }

  /** Whether a key of the log signed the note, or an unknown one, which the log may have changed to since. */
  #mayStand(note: string): boolean {
    const known = this.#logKeys.map(({ key }) => key);
    if (known.some((key) => openCheckpoint(note, key) !== undefined)) return true;
    const ids = known.map((key) => parseVerifierKey(key)?.keyId);
    const own = readNote(note)?.signatures.filter(({ name }) => name === this.origin) ?? [];
    return own.some(({ keyId }) => !ids.includes(keyId));
  }

  /** The same a second from now, once for everything until then, because a process may be killed before it closes. */
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
    const ledger = bytes && thaw(bytes, this.origin, this.#log.publicKey);
    if (!ledger || ledger.size === 0) return undefined;
    const { rows } = await this.#store.read({ after: ledger.size - 2, limit: 1 });
    if (rows[0]?.entry_hash === ledger.lastHash) return ledger;
    throw broken(`Entry ${ledger.size - 1} is not the one that was seen here before.`);
  }
}

export function lacksKey(): Refusal {
  return new Refusal(
    'CHAIN_CONTENDED',
    'The log now uses another key, which this process does not have: it can read, but not write.',
    {
      hint: 'Nothing was written. Send the request to a process that has the new key; operator: copy the new log key here.',
    },
  );
}
