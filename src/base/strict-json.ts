/**
 * JSON from outside, with one meaning only.
 *
 * `JSON.parse` has the exact grammar of RFC 8259 and is fast, but keeps the last of two equal names, turns `1e400` into
 * infinity and lets lone surrogates pass: two readers of the same bytes may then disagree about what was signed. So the
 * native parser runs first, and what it let through is looked for afterwards: names are counted in the text and in the
 * value (a duplicate is counted twice in the one and once in the other), everything else is visible in the value. In
 * requests 9007199254740993 is not read as the id before it either.
 */
import type { Json } from './canonical.ts';
import { Refusal } from './refusal.ts';

export interface JsonLimits {
  /** Size of the input as UTF-8; 1 MiB when absent. */
  readonly maxBytes?: number;
  /** Containers inside containers; 64 when absent. */
  readonly maxDepth?: number;
  /** Whether an integer that a double cannot hold is refused, and not rounded. */
  readonly exact?: boolean;
}

const MEBIBYTE = 1 << 20;
const MAX_DEPTH = 64;

/** `ignoreBOM` keeps a byte-order mark in the text, where the grammar refuses it. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses untrusted JSON.
 *
 * @throws Refusal `INVALID_REQUEST`; its message never quotes the input, which may hold a secret.
 */
export function parseStrict(input: Uint8Array | string, limits: JsonLimits = {}): Json {
  const text = decode(input, limits.maxBytes ?? MEBIBYTE);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    throw no('is not valid JSON');
  }
  // Only an escape can make a lone surrogate out of well-formed text.
  const walk: Walk = {
    maxDepth: limits.maxDepth ?? MAX_DEPTH,
    escapes: text.includes('\\u'),
    names: 0,
    isLarge: false,
  };
  inspect(value, 0, walk);
  if (countNames(text) !== walk.names) throw no('holds a member name twice in one object');
  if (limits.exact && walk.isLarge && hasRounded(text))
    throw no('holds an integer beyond 2^53 that would be rounded; send it as text');
  return value;
}

interface Walk {
  readonly maxDepth: number;
  readonly escapes: boolean;
  names: number;
  /** Whether there is a number that may have been another integer. */
  isLarge: boolean;
}

function inspect(value: Json, depth: number, walk: Walk): void {
  if (typeof value === 'string') {
    if (walk.escapes) wellFormed(value);
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw no('holds a number that is too large');
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) walk.isLarge = true;
  } else if (typeof value === 'object' && value !== null) {
    if (depth === walk.maxDepth) throw no(`is nested deeper than ${walk.maxDepth}`);
    if (isArray(value)) for (let i = 0; i < value.length; i++) inspect(value[i]!, depth + 1, walk);
    else members(value, depth + 1, walk);
  }
}

function members(value: { readonly [name: string]: Json }, depth: number, walk: Walk): void {
  for (const name of Object.keys(value)) {
    walk.names += 1;
    // No shape of ours has it, and code behind us may assign by name.
    if (name === '__proto__') throw no('holds the member name __proto__');
    if (walk.escapes) wellFormed(name);
    inspect(value[name]!, depth, walk);
  }
}

function wellFormed(text: string): void {
  if (!text.isWellFormed()) throw no('holds a lone surrogate');
}

/** Strings followed by a colon; `text` is known to be valid JSON, so only string ends need finding. */
function countNames(text: string): number {
  let names = 0;
  for (let start = text.indexOf('"'); start !== -1; ) {
    let next = behindString(text, start);
    while (isSpace(text.charCodeAt(next))) next += 1;
    if (text.charCodeAt(next) === COLON) names += 1;
    start = text.indexOf('"', next);
  }
  return names;
}

/** Whether a number without fraction or exponent is not the one that it says, as text that is read and written again. */
function hasRounded(text: string): boolean {
  for (let from = 0; from < text.length; ) {
    const start = text.indexOf('"', from);
    const bare = text.slice(from, start === -1 ? text.length : start);
    for (const [number] of bare.matchAll(/[-+.\deE]+/g)) if (isRounded(number)) return true;
    from = start === -1 ? text.length : behindString(text, start);
  }
  return false;
}

/** What JavaScript writes for a large number has zeros at its end, and stays what it is. */
const isRounded = (number: string): boolean =>
  /^-?\d{16,}$/.test(number) && String(Number(number)) !== number && BigInt(number) !== BigInt(Number(number));

/** Behind the string whose first quote stands at `start`. */
function behindString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (escaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** An odd number of backslashes stands before `at`. */
function escaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function decode(input: Uint8Array | string, maxBytes: number): string {
  if (typeof input !== 'string') {
    if (input.length > maxBytes) throw tooLarge(maxBytes);
    try {
      return UTF8.decode(input);
    } catch {
      throw no('is not valid UTF-8');
    }
  }
  // A UTF-16 code unit is one to three bytes of UTF-8: most texts need no counting.
  if (input.length > maxBytes || (input.length * 3 > maxBytes && new TextEncoder().encode(input).length > maxBytes))
    throw tooLarge(maxBytes);
  if (!input.isWellFormed()) throw no('holds a lone surrogate');
  return input;
}

/** `Array.isArray` does not narrow a readonly array. */
const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);
const no = (what: string) => new Refusal('INVALID_REQUEST', `The JSON text ${what}.`);
const tooLarge = (maxBytes: number) => no(`is larger than ${maxBytes} bytes`);
