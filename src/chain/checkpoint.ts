/**
 * A checkpoint: the signed statement of where the chain ends. It is a C2SP tlog-checkpoint in a C2SP signed note, so
 * that stock transparency-log tools and witnesses can read it.
 *
 * A signed note is text, an empty line, and signature lines. The text of a checkpoint is three lines, each with its line
 * feed: the origin (the log's name), the number of entries in decimal, the RFC 9162 root in base64 (RFC 4648 section 4,
 * padded). The signature is Ed25519 over exactly these bytes. Its line is an em dash (U+2014), a space, the key's name,
 * a space, and the base64 form of
 *
 *     key id (4 bytes) ‖ signature (64 bytes)
 *
 * where the key id is the first four bytes of SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key), and the key's name is the origin.
 * The verifier key, which a reader must get from elsewhere, is `name+key id in hexadecimal+base64(0x01 ‖ public key)`.
 *
 * Example: the tree over the three leaves "a", "b" and "c", the key made from the seed 00 01 02 … 1f. Verifier key:
 *
 *     aga.example/default+ba79b3e9+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4
 *
 * Note:
 *
 *     aga.example/default
 *     3
 *     NmQuc8JUCrEh46a/lUWwokmCzYMOsT080Z3jzmwCHsE=
 *
 *     — aga.example/default unmz6YdiLThiEWvsOXQTgs6FLZIrPr2kvt9txOBZPuEzI78bpy/1eRe80sBVZQk4RX1s13DucnsM2A8udVcB+opxEQg=
 */
import { sha256 } from '#digest';
import { verify } from '#ed25519';
import { isUsableKey, type KeyPair } from '../base/ed25519-rule.ts';
import { fromBase64, toBase64, toHex } from '../base/encoding.ts';
import { HASH_BYTES } from './tree.ts';

export interface VerifierKey {
  readonly name: string;
  /** The first four bytes of SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key), lower-case hexadecimal. */
  readonly keyId: string;
  readonly publicKey: Uint8Array;
}

export interface Checkpoint {
  /** Name of the log. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** The signature type of logs. Witnesses use others, which are skipped here. */
const ED25519 = 1;
const UTF8 = new TextEncoder();

/** @throws TypeError on a name or key that no note may carry. */
export const verifierKey = (name: string, publicKey: Uint8Array): string => formatKey(name, publicKey, ED25519);

/** `undefined` if the text is malformed, of another signature type, or its id does not fit name and key. */
export const parseVerifierKey = (text: string): VerifierKey | undefined => parseKey(text, ED25519);

/** A verifier key of any signature type. @throws TypeError as `verifierKey`. */
export function formatKey(name: string, publicKey: Uint8Array, type: number): string {
  if (!isName(name) || !isUsableKey(publicKey)) throw new TypeError('not a name and key for a signed note');
  const typed = typedKey(publicKey, type);
  return `${name}+${toHex(keyId(name, typed))}+${toBase64(typed)}`;
}

/** A verifier key of this signature type; `undefined` as `parseVerifierKey`. */
export function parseKey(text: string, type: number): VerifierKey | undefined {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text) ?? [];
  const typed = fromBase64(encoded);
  if (!isName(name) || typed?.length !== 1 + 32 || typed[0] !== type) return undefined;
  const publicKey = typed.slice(1);
  if (!isUsableKey(publicKey) || toHex(keyId(name, typed)) !== id) return undefined;
  return { name, keyId: id, publicKey };
}

/**
 * The note for a tree of `size` entries with this root, with one signature line per signer. When a log changes its key,
 * both keys sign, and a reader uses the line of the key that it knows.
 *
 * @throws TypeError on an origin that no note may carry.
 */
export function signCheckpoint(
  origin: string,
  size: number,
  root: Uint8Array,
  ...signers: readonly [KeyPair, ...KeyPair[]]
): string {
  if (!isName(origin) || !Number.isSafeInteger(size) || size < 0 || root.length !== HASH_BYTES)
    throw new TypeError('not a checkpoint');
  const text = `${origin}\n${size}\n${toBase64(root)}\n`;
  const lines = signers.map((signer) => {
    const bytes = concat(keyId(origin, typedKey(signer.publicKey)), signer.sign(UTF8.encode(text)));
    return `${DASH}${origin} ${toBase64(bytes)}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/**
 * The checkpoint in `note`, signed by this verifier key. `undefined` if the note is malformed, of another log, or not
 * validly signed by that key. Signatures by unknown keys are skipped, as the format asks; a bad one by this key is not.
 */
export function openCheckpoint(note: string, vkey: string): Checkpoint | undefined {
  const key = parseVerifierKey(vkey);
  const read = key === undefined ? undefined : readNote(note);
  if (key === undefined || read === undefined) return undefined;
  const own = read.signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId);
  const message = UTF8.encode(read.text);
  if (own.length === 0 || !own.every(({ signature }) => verify(signature, message, key.publicKey))) return undefined;
  const checkpoint = parseText(read.text);
  return checkpoint?.origin === key.name ? checkpoint : undefined;
}

/** The number of entries that a note claims, without checking any signature; `undefined` if it names no number. */
export function claimedSize(note: string): number | undefined {
  const [, size = ''] = note.split('\n', 2);
  return /^(0|[1-9]\d*)$/.test(size) && Number.isSafeInteger(Number(size)) ? Number(size) : undefined;
}

/** Em dash and space. */
const DASH = '\u2014 ';
/** A note is read by people too; more signatures than this is an attempt to make us work. */
const MAX_SIGNATURES = 100;

/** Splits a note into text and signatures, which are not verified; `undefined` if it is malformed. */
export function readNote(note: string): { text: string; signatures: readonly NoteSignature[] } | undefined {
  const parts = splitNote(note);
  const signatures = parts?.lines.map(parseSignature) ?? [];
  if (parts === undefined || signatures.includes(undefined)) return undefined;
  return { text: parts.text, signatures: signatures.filter((signature) => signature !== undefined) };
}

function splitNote(note: string): { readonly text: string; readonly lines: readonly string[] } | undefined {
  if (!note.isWellFormed() || hasControl(note)) return undefined;
  const blank = note.lastIndexOf('\n\n');
  if (blank <= 0 || !note.endsWith('\n')) return undefined;
  const lines = note.slice(blank + 2, -1).split('\n');
  return lines.length > MAX_SIGNATURES ? undefined : { text: note.slice(0, blank + 1), lines };
}

export interface NoteSignature {
  readonly name: string;
  /** Lower-case hexadecimal. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

function parseSignature(line: string): NoteSignature | undefined {
  const [name = '', encoded = '', ...more] = line.startsWith(DASH) ? line.slice(DASH.length).split(' ') : [];
  const bytes = fromBase64(encoded);
  if (!isName(name) || more.length > 0 || bytes === undefined || bytes.length < 5) return undefined;
  return { name, keyId: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

function parseText(text: string): Checkpoint | undefined {
  const [origin = '', , encoded = '', ...more] = text.slice(0, -1).split('\n');
  const size = claimedSize(text);
  const root = fromBase64(encoded);
  // Further lines are extensions, which the format lets us ignore but never leave empty.
  if (size === undefined || root?.length !== HASH_BYTES || origin === '' || more.includes('')) return undefined;
  return { origin, size, root };
}

export function keyId(name: string, typed: Uint8Array): Uint8Array {
  return sha256(concat(UTF8.encode(`${name}\n`), typed)).slice(0, 4);
}

export const typedKey = (publicKey: Uint8Array, type = ED25519): Uint8Array => concat(Uint8Array.of(type), publicKey);

/** Not empty, no white space, no plus sign: it stands between both. */
export function isName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\s+\u0085]/u.test(name) && !hasControl(name);
}

/** ASCII control characters other than the line feed. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 && text[i] !== '\n') return true;
  return false;
}

export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
