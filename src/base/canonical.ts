/**
 * One value, one byte string: RFC 8785 (JSON Canonicalization Scheme).
 *
 * Everything that is hashed or signed passes through here, so anything that JSON would silently change, drop or call
 * back into is a `TypeError`: it is our own bug, since input from outside has been through `parseStrict` and a schema.
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
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return number(value);
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object') throw new TypeError(`not JSON: ${typeof value}`);
  if (depth === MAX_DEPTH) throw new TypeError(`not JSON we sign: deeper than ${MAX_DEPTH}`);
  return Array.isArray(value) ? array(value, depth + 1) : object(value, depth + 1);
}

function array(items: readonly unknown[], depth: number): string {
  if (Object.getPrototypeOf(items) !== Array.prototype || 'toJSON' in items) throw new TypeError('not a plain array');
  let text = '[';
  for (let i = 0; i < items.length; i++) text += i === 0 ? write(items[i], depth) : `,${write(items[i], depth)}`;
  return `${text}]`;
}

function object(members: object, depth: number): string {
  const prototype = Object.getPrototypeOf(members);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('not a plain object');
  // Section 3.2.3 orders names by UTF-16 code units, which is what the default sort compares.
  const names = inOrder(Object.keys(members));
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    // The only way to read an unknown member: `members` is a plain object, `name` one of its own keys.
    const member = write((members as Record<string, unknown>)[name], depth);
    text += i === 0 ? `${quote(name)}:${member}` : `,${quote(name)}:${member}`;
  }
  return `${text}}`;
}

/** Sorting is most of the cost of a small object, and most of ours are written in order. */
function inOrder(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return names.sort();
  return names;
}

/** ECMAScript's own number to text conversion is the one of section 3.2.2.3; minus zero is written as zero. */
function number(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`not JSON: ${value}`);
  return `${value}`;
}

/** `JSON.stringify` escapes a well-formed string exactly as section 3.2.2.2 asks. */
function quote(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('not JSON: lone surrogate');
  return JSON.stringify(text);
}
