/**
 * The first reading of a bundle: every entry judged as far as it can be alone or behind the one before it, and of each so
 * much kept as the rest of the judgement asks for. That is its number and its hash; of an artifact, of which the law keeps
 * everything anyway, what it says; the entry itself is read again when the law is asked.
 */
import type { Sealed } from '../artifact/artifact.ts';
import { isProven } from '../artifact/enrolment.ts';
import { type Event, namesOf } from '../authority/event/index.ts';
import { toHex } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { parseVerifierKey } from '../chain/checkpoint.ts';
import { type Entry, ZERO_HASH } from '../chain/entry.ts';
import { HASH_BYTES, leafHash } from '../chain/tree.ts';
import { ALWAYS, type Subject } from './bundle.ts';
import { Findings } from './report.ts';

export interface OpenedEntry {
  readonly entry: Entry;
  /** What the entry says; `undefined` where it is no event that this version knows. */
  readonly event: Event | undefined;
}

export interface Creation {
  readonly sequence: number;
  readonly event: Event & { readonly sealed: Sealed };
}

export class Survey {
  readonly numbers: number[] = [];
  /** By their places among the entries. */
  readonly creations = new Map<number, Creation>();
  /** Entries that name a key of the log, the genesis apart. */
  readonly rotations: OpenedEntry[] = [];
  /** Where the subject is a run: the artifacts that its entries name, and how many these are. */
  readonly run = { named: new Set<string>(), length: 0 };
  /** What was found, by what was asked. */
  readonly found = { places: new Findings(), chains: new Findings(), enrolments: new Findings() };
  readonly #subject: Subject;
  readonly #leaves = new Leaves();
  #ends: { readonly first: OpenedEntry; last: Entry } | undefined;
  #origin: string | undefined;
  #before = { sequence: -1, time: 0, hash: ZERO_HASH };
  #ordered = true;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** @throws TypeError where no entry was added. */
  get first(): OpenedEntry {
    return this.#ended.first;
  }

  get last(): Entry {
    return this.#ended.last;
  }

  /** Whether the numbers rise, so that a proof about them can be read at all. */
  get ordered(): boolean {
    return this.#ordered;
  }

  readonly leafAt = (place: number): Uint8Array => this.#leaves.at(place);

  /** The next entry, and its RFC 8785 form. */
  add(opened: OpenedEntry, text: string): void {
    const { entry, event } = opened;
    this.#ends ??= this.#begin(opened);
    this.#ends.last = entry;
    const hash = leafHash(text);
    this.#judgePlace(entry, hash);
    if (entry.chain !== this.#origin)
      this.found.chains.add(entry.sequence_number, 'chain', `The entry belongs to the chain "${entry.chain}".`);
    this.#countRun(opened);
    if (event) this.#keep(opened, event);
    this.numbers.push(entry.sequence_number);
    this.#leaves.push(hash);
  }

  get #ended() {
    if (!this.#ends) throw new TypeError('a survey of no entries');
    return this.#ends;
  }

  /** Numbers rise, neighbours are linked, time does not go back. */
  #judgePlace({ sequence_number: sequence, previous_hash, timestamp }: Entry, leaf: Uint8Array): void {
    const { places } = this.found;
    const before = this.#before;
    const time = parseInstant(timestamp)!;
    if (sequence <= before.sequence) {
      this.#ordered = false;
      places.add(sequence, 'sequence_number', `Entry ${sequence} stands behind entry ${before.sequence}.`);
    } else if (sequence === before.sequence + 1 && previous_hash !== before.hash) {
      places.add(sequence, 'previous_hash', 'previous_hash is not the hash of the entry before it.');
    }
    if (time < before.time) places.add(sequence, 'timestamp', 'Time goes backwards here.');
    this.#before = { sequence, time: Math.max(time, before.time), hash: toHex(leaf) };
  }

  /** The key that a genesis names is named as the chain is. */
  #begin(first: OpenedEntry): { readonly first: OpenedEntry; last: Entry } {
    if (first.event?.kind === 'GENESIS') this.#origin = parseVerifierKey(first.event.log_key)?.name;
    return { first, last: first.entry };
  }

  #countRun(opened: OpenedEntry): void {
    const { sequence_number: sequence } = opened.entry;
    if (!('first' in this.#subject) || sequence < this.#subject.first || sequence > this.#subject.last) return;
    this.run.length += 1;
    for (const name of namesIn(opened) ?? []) this.run.named.add(name);
  }

  #keep(opened: OpenedEntry, event: Event): void {
    const { sequence_number: sequence } = opened.entry;
    if ('sealed' in event) this.creations.set(this.numbers.length, { sequence, event });
    if (event.kind === 'LOG_KEY') this.rotations.push(opened);
    if (event.kind === 'ENROLLMENT' && !isProven(event.token_id, event.holder, event.proof)) {
      const message = "The proof is not the holder's signature over its enrolment.";
      this.found.enrolments.add(sequence, 'enrolment', message);
    }
  }
}

/** Artifacts that an entry names; null for what names the log's keys, and for what nobody can read. */
export function namesIn({ event }: OpenedEntry): readonly string[] | null {
  return event === undefined || ALWAYS.includes(event.kind) ? null : namesOf(event);
}

/** Hashes side by side: a list of as many arrays takes four times their room. */
class Leaves {
  #bytes = new Uint8Array(HASH_BYTES << 8);
  #end = 0;

  push(hash: Uint8Array): void {
    if (this.#end === this.#bytes.length) {
      const wider = new Uint8Array(2 * this.#end);
      wider.set(this.#bytes);
      this.#bytes = wider;
    }
    this.#bytes.set(hash, this.#end);
    this.#end += HASH_BYTES;
  }

  at(place: number): Uint8Array {
    return this.#bytes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
  }
}
