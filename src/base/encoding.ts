/**
 * Bytes as text: hexadecimal and the base64 alphabets of RFC 4648, in one spelling each.
 *
 * A reader that accepts a second spelling of the same bytes gives two names to one thing, so decoding is strict: lower
 * case only, padding exactly where the alphabet wants it, unused bits zero. What is malformed decodes to `undefined`.
 */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const NIBBLE = values('0123456789abcdef');

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!];
  return text;
}

/** Lower-case hexadecimal only. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const value = (valueAt(NIBBLE, text, 2 * i) << 4) | valueAt(NIBBLE, text, 2 * i + 1);
    if (value < 0) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

interface Alphabet {
  readonly letters: string;
  readonly values: Int8Array;
  readonly padded: boolean;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** RFC 4648 section 4. */
const STANDARD = alphabet(`${LETTERS}+/`, true);
/** RFC 4648 section 5, without padding. */
const URL_SAFE = alphabet(`${LETTERS}-_`, false);

export const toBase64 = (bytes: Uint8Array): string => encode(STANDARD, bytes);
/** Padding is required. */
export const fromBase64 = (text: string): Uint8Array | undefined => decode(STANDARD, text);
export const toBase64url = (bytes: Uint8Array): string => encode(URL_SAFE, bytes);
/** Padding is refused. */
export const fromBase64url = (text: string): Uint8Array | undefined => decode(URL_SAFE, text);

function encode({ letters, padded }: Alphabet, bytes: Uint8Array): string {
  let text = '';
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += letters[group >> 18]! + letters[(group >> 12) & 63]! + letters[(group >> 6) & 63]! + letters[group & 63]!;
  }
  const rest = bytes.length - i;
  if (rest === 0) return text;
  const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8);
  text += letters[group >> 18]! + letters[(group >> 12) & 63]!;
  if (rest === 2) text += letters[(group >> 6) & 63]!;
  return padded ? text.padEnd(Math.ceil(text.length / 4) * 4, '=') : text;
}

function decode(from: Alphabet, text: string): Uint8Array | undefined {
  const letters = from.padded ? unpadded(text) : text.length;
  if (letters === undefined || letters % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((letters * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < letters; i++) {
    const value = valueAt(from.values, text, i);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

/** How many letters stand before correct padding. */
function unpadded(text: string): number | undefined {
  if (text.length % 4 !== 0) return undefined;
  if (text.endsWith('==')) return text.length - 2;
  return text.endsWith('=') ? text.length - 1 : text.length;
}

function alphabet(letters: string, padded: boolean): Alphabet {
  return { letters, values: values(letters), padded };
}

function values(letters: string): Int8Array {
  const table = new Int8Array(128).fill(-1);
  for (let i = 0; i < letters.length; i++) table[letters.charCodeAt(i)] = i;
  return table;
}

function valueAt(table: Int8Array, text: string, at: number): number {
  return table[text.charCodeAt(at)] ?? -1;
}
