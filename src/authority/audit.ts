/**
 * Every promise of a chain, asked again from its bytes: form, place, hash, link, time, signatures, and the law itself.
 * An audit does not stop at the first fault; it reports each, with the entry it was found in.
 */
import { verifyAll } from '#ed25519';
import { markAuthentic, signatureOf } from '../artifact/artifact.ts';
import { fromHex, toHex } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { claimedSize, openCheckpoint } from '../chain/checkpoint.ts';
import { type Entry, openEntry, ZERO_HASH } from '../chain/entry.ts';
import { Frontier, leafHash } from '../chain/tree.ts';
import type { Head, Row } from '../ports.ts';
import { check, decodeEvent, type Event, evolve } from './event/index.ts';
import { keyAt } from './log-keys.ts';
import { State } from './state.ts';
import { touchedBy } from './touched.ts';

export interface Finding {
  /** The entry that is wrong; null where it is the chain as a whole. */
  readonly sequence_number: number | null;
  readonly rule: string;
  readonly message: string;
}

export interface Trust {
  /** did:key of the authority: the one thing that is believed beforehand. */
  readonly authority: string;
  /** The chain's origin, where it is known beforehand. */
  readonly origin?: string;
  /** A checkpoint note kept elsewhere; the chain must extend it. */
  readonly remembered?: string;
}

export interface AuditReport {
  readonly findings: readonly Finding[];
  readonly entries_checked: number;
  readonly signatures_checked: number;
}

/** Where an entry must be found. */
export type Touched = Pick<Row, 'sequence_number' | 'names' | 'within'>;

/** More findings than this tell nobody more. */
export const MOST_FINDINGS = 200;
/** Entries whose signatures are judged together. */
const PART = 128;

interface Opened {
  readonly row: Row;
  readonly entry?: Entry;
  readonly event?: Event;
}

export class Audit {
  readonly #trust: Trust;
  readonly #state = new State();
  readonly #frontier = Frontier.of(0, []);
  readonly #findings: Finding[] = [];
  #origin: string | undefined;
  #entries = 0;
  #signatures = 0;
  #lastHash = ZERO_HASH;
  #lastTime = 0;
  /** Sequence number that the next entry should have. */
  #next = 0;
  /** Root at each size that a remembered checkpoint names. */
  readonly #roots = new Map<number, string>();
  /** By what was lost: the entries that cannot be read. */
  readonly #absent = new Map<string, { first: number; last: number; count: number; why: string }>();
  readonly #asked: number | undefined;

  constructor(trust: Trust) {
    this.#trust = trust;
    this.#origin = trust.origin;
    this.#asked = claimedSize(trust.remembered ?? '');
  }

  /** The next entries, in order; answers whom each is about. Signatures are judged together, beside the event loop. */
  async feed(rows: readonly Row[]): Promise<readonly Touched[]> {
    const touched: Touched[] = [];
    let before: Opened[] = [];
    let verdicts: Promise<void> = Promise.resolve();
    // While other threads judge the signatures of one part, this one opens the next.
    for (let at = 0; at < rows.length + PART; at += PART) {
      const opened = rows.slice(at, at + PART).map((row) => ({ row, ...this.#open(row) }));
      await verdicts;
      verdicts = this.#authenticate(opened);
      for (const { row, entry, event } of before) {
        this.#judge(row, entry, event);
        const { sequence_number } = row;
        if (event) touched.push({ sequence_number, ...touchedBy(event, this.#state) });
      }
      before = opened;
    }
    return touched;
  }

  /**
   * In place of the next entry: its text is lost, and only its hash was kept. The tree is judged with that; the law is
   * not any more, for nobody knows what the entry would have changed. `what` is lost together, and reported once.
   */
  absent(sequence: number, hash: string, { what, why }: { readonly what: string; readonly why: string }): void {
    this.#append(fromHex(hash) ?? leafHash(''));
    this.#next = sequence + 1;
    this.#lastHash = hash;
    const { first, count } = this.#absent.get(what) ?? { first: sequence, count: 0 };
    this.#absent.set(what, { why, ...this.#absent.get(what), first, last: sequence, count: count + 1 });
  }

  /** All entries were fed: the end of the chain is judged against its signed head. */
  finish(head: Head | null): AuditReport {
    this.#judgeAuthority();
    this.#judgeHead(head);
    this.#judgeRemembered();
    const lost = Array.from(this.#absent.values(), sayLost);
    const findings = [...lost, ...this.#findings].slice(0, MOST_FINDINGS);
    return { findings, entries_checked: this.#entries, signatures_checked: this.#signatures };
  }

  #open(row: Row): { entry?: Entry; event?: Event } {
    let entry: Entry | undefined;
    try {
      entry = openEntry(row.entry);
      return { entry, event: decodeEvent(entry.event) };
    } catch (error) {
      this.#report(row.sequence_number, 'form', Refusal.from(error).message);
      return entry ? { entry } : {};
    }
  }

  async #authenticate(opened: readonly Opened[]): Promise<void> {
    const sealed = opened.flatMap(({ event }) => (event && 'sealed' in event ? [event.sealed] : []));
    const verdicts = await verifyAll(sealed.map(signatureOf));
    this.#signatures += sealed.length;
    for (const [index, good] of verdicts.entries()) if (good) markAuthentic(sealed[index]!);
  }

  #judge(row: Row, entry: Entry | undefined, event: Event | undefined): void {
    const leaf = leafHash(row.entry);
    const hash = toHex(leaf);
    if (hash !== row.entry_hash)
      this.#report(row.sequence_number, 'entry_hash', 'The entry is not what was hashed: its payload was changed.');
    this.#append(leaf);
    if (entry) this.#judgePlace(row, entry);
    this.#next = row.sequence_number + 1;
    this.#lastHash = hash;
    if (entry && event) this.#judgeLaw(row, entry, event);
  }

  #append(leaf: Uint8Array): void {
    this.#entries += 1;
    this.#frontier.append(leaf);
    if (this.#entries === this.#asked) this.#roots.set(this.#entries, toHex(this.#frontier.root()));
  }

  #judgePlace(row: Row, entry: Entry): void {
    if (entry.sequence_number !== this.#next || row.sequence_number !== this.#next) {
      const message = `Entry ${entry.sequence_number} stands where ${this.#next} should: an entry was removed, added or moved.`;
      this.#report(row.sequence_number, 'sequence_number', message);
    }
    if (entry.previous_hash !== this.#lastHash) {
      this.#report(row.sequence_number, 'previous_hash', 'previous_hash is not the hash of the entry before it.');
    }
    this.#origin ??= entry.chain;
    if (entry.chain !== this.#origin)
      this.#report(row.sequence_number, 'chain', `The entry belongs to the chain "${entry.chain}".`);
    if (row.kind !== entry.event.kind)
      this.#report(row.sequence_number, 'kind', `The entry is found under ${row.kind}, but is of another kind.`);
    const time = parseInstant(entry.timestamp)!;
    if (time < this.#lastTime) this.#report(row.sequence_number, 'timestamp', 'Time goes backwards here.');
    this.#lastTime = Math.max(this.#lastTime, time);
  }

  #judgeLaw(row: Row, entry: Entry, event: Event): void {
    const { sequence_number: sequence, previous_hash: previousHash } = entry;
    const at = { sequence, time: parseInstant(entry.timestamp)!, previousHash };
    if ('signature' in event) this.#signatures += 'possession' in event ? 2 : 1;
    if (this.#absent.size > 0) {
      this.#evolveInPart(event, at);
      return;
    }
    try {
      check(this.#state, event, at);
    } catch (error) {
      const { code, message } = Refusal.from(error);
      this.#report(row.sequence_number, `law.${code}`, `${event.kind}: ${message}`);
    }
    // An unlawful event has its effect all the same, so that what was built on it is judged too; a second genesis has none.
    if (event.kind !== 'GENESIS' || this.#state.authority === null) evolve(this.#state, event, at);
  }

  /** What follows what is lost still says who signs, and may be about something that nobody has heard of. */
  #evolveInPart(event: Event, at: Parameters<typeof evolve>[2]): void {
    try {
      if (event.kind !== 'GENESIS') evolve(this.#state, event, at);
    } catch {}
  }

  #judgeAuthority(): void {
    const { authority } = this.#state;
    if (authority === null && this.#absent.size > 0) return;
    if (authority === null) {
      this.#report(null, 'authority', 'No genesis entry names an authority: the chain is empty, or its head was cut.');
    } else if (authority !== this.#trust.authority) {
      this.#report(0, 'authority', `The chain belongs to ${authority}, not to the trusted ${this.#trust.authority}.`);
    }
  }

  #judgeHead(head: Head | null): void {
    if (head === null) {
      if (this.#entries > 0) this.#report(null, 'head', 'The chain has entries and no signed head.');
      return;
    }
    if (head.size !== this.#entries) {
      this.#report(null, 'head', `The signed head covers ${head.size} entries; ${this.#entries} are there.`);
    }
    if (head.entry_hash !== this.#lastHash) this.#report(null, 'head', 'The head names another last entry.');
    const root = toHex(this.#frontier.root());
    const key = keyAt(this.#state.logKeys, head.size);
    const opened = key === undefined ? undefined : openCheckpoint(head.checkpoint, key);
    this.#signatures += 1;
    // Without its genesis a chain names no key.
    if (key === undefined && this.#absent.size > 0) return;
    if (!opened) this.#report(null, 'checkpoint', "The checkpoint is not signed by the log's key.");
    else if (opened.size !== this.#entries || toHex(opened.root) !== root) {
      this.#report(
        null,
        'root',
        `The checkpoint signs another tree: size ${opened.size}, root ${toHex(opened.root)}; recomputed: size ${this.#entries}, root ${root}.`,
      );
    }
  }

  #judgeRemembered(): void {
    const { remembered } = this.#trust;
    if (remembered === undefined) return;
    const key = keyAt(this.#state.logKeys, this.#asked ?? 0);
    // Without a genesis nobody can say whose checkpoint it is; that something was seen before is enough.
    const fault = key === undefined ? this.#sayCut(this.#asked ?? 0) : this.#faultOf(openCheckpoint(remembered, key));
    this.#signatures += 1;
    if (fault) this.#report(null, 'remembered', fault);
  }

  #faultOf(seen: { size: number; root: Uint8Array } | undefined): string | null {
    if (!seen) return 'The remembered checkpoint is not of this log.';
    const { size } = seen;
    if (size > this.#entries) return this.#sayCut(size);
    if (size === 0 || this.#roots.get(size) === toHex(seen.root)) return null;
    return `The first ${size} entries are not those that were seen before.`;
  }

  #sayCut(size: number): string | null {
    if (size <= this.#entries) return null;
    return `${size} entries were seen before, ${this.#entries} are there: the tail was cut.`;
  }

  #report(sequence_number: number | null, rule: string, message: string): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push({ sequence_number, rule, message });
  }
}

function sayLost({ first, last, count, why }: { first: number; last: number; count: number; why: string }): Finding {
  const which = first === last ? `Entry ${first}` : `${count} of the entries ${first} to ${last}`;
  const message = `${why} ${which} cannot be judged, nor what the law says of those behind.`;
  return { sequence_number: first, rule: 'archive', message };
}
