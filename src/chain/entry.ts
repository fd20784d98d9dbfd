/**
 * One event in its place on the chain.
 *
 *     {"type":"aga-entry/v1","chain":"<origin>","sequence_number":n,"timestamp":"…","previous_hash":"hex","event":{"kind":"…",…}}
 *
 * The entry's bytes are its RFC 8785 form; its hash is the RFC 9162 leaf hash of them, SHA-256(0x00 ‖ bytes), so the
 * link to the next entry and the leaf of the tree are the same value and cover the whole payload. `sequence_number`
 * starts at 0; the first entry's `previous_hash` is 64 zeros.
 */
import { canonicalize, type Json } from '../base/canonical.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { parseStrict } from '../base/strict-json.ts';
import { leafHash } from './tree.ts';

export interface ChainEvent {
  readonly kind: string;
  readonly [member: string]: Json;
}

export interface Entry {
  readonly type: 'aga-entry/v1';
  /** Origin of the chain: the first line of its checkpoints. */
  readonly chain: string;
  readonly sequence_number: number;
  readonly timestamp: string;
  /** Hash of the entry before, lower-case hexadecimal. */
  readonly previous_hash: string;
  readonly event: ChainEvent;
}

export interface SealedEntry {
  /** RFC 8785 form: exactly the hashed bytes. */
  readonly text: string;
  /** RFC 9162 leaf hash of `text`. */
  readonly hash: Uint8Array;
}

export const ZERO_HASH = '0'.repeat(64);

/** Whatever is sealed must stay readable, so writer and reader share one bound. */
const MAX_ENTRY_BYTES = 4 << 20;

/** @throws Refusal `PAYLOAD_TOO_LARGE`: the event makes an entry of more than 4 MiB. */
export function sealEntry(fields: Omit<Entry, 'type'>): SealedEntry {
  const { chain, sequence_number, timestamp, previous_hash, event } = fields;
  const entry: Entry = { type: 'aga-entry/v1', chain, sequence_number, timestamp, previous_hash, event };
  const text = canonicalize(entry);
  // UTF-8 needs at most three bytes per UTF-16 code unit, so most entries need not be encoded to be measured.
  if (text.length * 3 > MAX_ENTRY_BYTES && new TextEncoder().encode(text).length > MAX_ENTRY_BYTES)
    throw new Refusal('PAYLOAD_TOO_LARGE', 'The request makes an entry that is too large to record.');
  return { text, hash: leafHash(text) };
}

/**
 * Reads an entry back and checks everything that can be checked of it alone.
 *
 * @throws Refusal `INVALID_REQUEST` when the text is not an entry in RFC 8785 form.
 */
export function openEntry(text: string): Entry {
  const entry = parseStrict(text, { maxBytes: MAX_ENTRY_BYTES });
  if (!isEntry(entry)) throw new Refusal('INVALID_REQUEST', 'The text is not a chain entry.');
  if (canonicalize(entry) !== text) throw new Refusal('INVALID_REQUEST', 'The chain entry is not in RFC 8785 form.');
  return entry;
}

/** The same for an entry inside a larger document that is already parsed. @throws Refusal `INVALID_REQUEST`. */
export function readEntry(value: Json): Entry {
  if (!isEntry(value)) throw new Refusal('INVALID_REQUEST', 'The value is not a chain entry.');
  return value;
}

type Members = { readonly [name: string]: Json };

const MEMBERS: Readonly<Record<keyof Entry, (value: Json) => boolean>> = {
  type: (value) => value === 'aga-entry/v1',
  chain: (value) => typeof value === 'string' && value !== '',
  sequence_number: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  timestamp: (value) => typeof value === 'string' && parseInstant(value) !== undefined,
  previous_hash: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  event: (value) => isObject(value) && typeof value.kind === 'string' && /^[A-Z]+(_[A-Z]+)*$/.test(value.kind),
};

const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isEntry(value: Json): value is Json & Entry {
  if (!isObject(value)) return false;
  const names = Object.keys(MEMBERS);
  if (Object.keys(value).length !== names.length) return false;
  return Object.entries(MEMBERS).every(([name, fits]) => Object.hasOwn(value, name) && fits(value[name]!));
}
