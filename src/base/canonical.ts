/**
 * One value, one byte string: RFC 8785 (JSON Canonicalization Scheme).
 *
 * Everything that is hashed or signed passes through here, so anything that JSON would silently change, drop or call
 * back into is a `TypeError`: it is our own bug, since input from outside has been through `parseStrict` and a schema.
 *
 * `write` is the definition. The engine's own `JSON.stringify` writes the same bytes several times faster once the
 * members stand in order, except for the few values that `inOrder` and `canonicalize` leave to `write`.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Containers inside containers, the same bound as for input (`parseStrict`). */
const MAX_DEPTH = 64;

/**
 * The RFC 8785 form of plain data; hash or sign its UTF-8 bytes.
 *
 * @throws TypeError on anything that is not plain JSON data: NaN, infinities, lone surrogates, `undefined`, functions,
 * bigints, class instances, array holes, `toJSON`, nesting deeper than 64.
 */
export function canonicalize(value: unknown): string {
  const ordered = isOrdered(value, 0) ? value : inOrder(value, 0);
  if (ordered === ODD) return write(value);
  const text = JSON.stringify(ordered);
  // The engine escapes a lone surrogate instead of refusing it. A backslash in front of "ud" looks the same here.
  return text.includes('\\ud') ? write(value) : text;
}

/** Whether the engine would write all members in order as they are: true of whatever was parsed from canonical text. */
function isOrdered(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return scalar(value) === value;
  if (depth === MAX_DEPTH) throw new TypeError(`not JSON we sign: deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    plainArray(value);
    for (let i = 0; i < value.length; i++) if (!isOrdered(value[i], depth + 1)) return false;
    return true;
  }
  const names = ownNames(value);
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return false;
  for (let i = 0; i < names.length; i++) if (!isOrdered(memberOf(value, names[i]!), depth + 1)) return false;
  return true;
}

/** Some member name that an object of the engine would not keep in its place. */
const ODD = Symbol('odd');
const ARRAY_INDEX = /^\d+$/;

/** A copy with all members in order, or `ODD`; throws on what is not JSON, lone surrogates excepted. */
function inOrder(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return scalar(value);
  if (depth === MAX_DEPTH) throw new TypeError(`not JSON we sign: deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    const items = new Array<unknown>(plainArray(value).length);
    for (let i = 0; i < items.length; i++) {
      items[i] = inOrder(value[i], depth + 1);
      if (items[i] === ODD) return ODD;
    }
    return items;
  }
  const members: Record<string, unknown> = {};
  for (const name of sortedNames(value)) {
    if (name === '__proto__' || (name.charCodeAt(0) <= 0x39 && ARRAY_INDEX.test(name))) return ODD;
    const member = inOrder(memberOf(value, name), depth + 1);
    if (member === ODD) return ODD;
    members[name] = member;
  }
  return members;
}

/** RFC 8785 section 3.2, to the letter. */
function write(value: unknown, depth = 0): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object' || value === null) return `${scalar(value)}`;
  if (depth === MAX_DEPTH) throw new TypeError(`not JSON we sign: deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) return `[${Array.from(plainArray(value), (item) => write(item, depth + 1)).join()}]`;
  const members = sortedNames(value).map((name) => `${quote(name)}:${write(memberOf(value, name), depth + 1)}`);
  return `{${members.join()}}`;
}

/** Section 3.2.2.3 is ECMAScript's own conversion of numbers; minus zero is written as zero. */
function scalar(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new TypeError(`not JSON: ${typeof value === 'number' ? value : typeof value}`);
}

/** `JSON.stringify` escapes a well-formed string exactly as section 3.2.2.2 asks. */
function quote(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('not JSON: lone surrogate');
  return JSON.stringify(text);
}

function plainArray(value: readonly unknown[]): readonly unknown[] {
  if (Object.getPrototypeOf(value) !== Array.prototype || 'toJSON' in value) throw new TypeError('not a plain array');
  return value;
}

/** Section 3.2.3: ordered by UTF-16 code units, which is what `<` and the default sort compare. */
function sortedNames(value: object): string[] {
  const names = ownNames(value);
  return names.length > FEW ? names.sort() : insertionSort(names);
}

function ownNames(value: object): string[] {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('not a plain object');
  return Object.keys(value);
}

/** Up to here the general sort costs more than the rest of the work on an object. */
const FEW = 24;

function insertionSort(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!;
    let at = i;
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!;
    names[at] = name;
  }
  return names;
}

/** A cast, because TypeScript has no word for "one of its own enumerable names". */
function memberOf(value: object, name: string): unknown {
  return (value as Record<string, unknown>)[name];
}
