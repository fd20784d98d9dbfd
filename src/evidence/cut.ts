/**
 * A document cut at its entries, so that each of them can be read, judged and forgotten.
 *
 * Nothing is judged by cutting: brackets and quotes are counted, no more. The document is strict JSON exactly where the
 * rest of it and every element are, because in text that is JSON a quote or a bracket outside of strings means nothing else.
 */
export interface Cut {
  /** The document with an empty list in place of its entries. */
  readonly rest: Uint8Array;
  /** The bytes of every element of the list, cut anew each time it is gone through. */
  readonly elements: Iterable<Uint8Array>;
  readonly count: number;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/** `undefined` for what is no object with a list of entries. */
export function cutAtEntries(bytes: Uint8Array): Cut | undefined {
  const open = findEntries(bytes);
  if (open === undefined) return undefined;
  let count = 0;
  const walk = elementsFrom(bytes, open);
  let step = walk.next();
  for (; !step.done; step = walk.next()) count += 1;
  const close = step.value;
  if (bytes[close] !== CLOSE_LIST) return undefined;
  const rest = new Uint8Array(bytes.length - (close - open - 1));
  rest.set(bytes.subarray(0, open + 1));
  rest.set(bytes.subarray(close), open + 1);
  return { rest, count, elements: { [Symbol.iterator]: () => elementsFrom(bytes, open) } };
}

/** Where the list opens. */
function findEntries(bytes: Uint8Array): number | undefined {
  let at = pastSpace(bytes, 0);
  if (bytes[at] !== OPEN) return undefined;
  do {
    const name = pastSpace(bytes, at + 1);
    if (bytes[name] !== QUOTE) return undefined;
    const end = closingQuote(bytes, name) + 1;
    const colon = pastSpace(bytes, end);
    if (bytes[colon] !== COLON) return undefined;
    const value = pastSpace(bytes, colon + 1);
    if (bytes[value] === OPEN_LIST && isEntries(bytes.subarray(name, end))) return value;
    at = endOfValue(bytes, value);
  } while (bytes[at] === COMMA);
  return undefined;
}

/** Whatever way it is spelled. */
function isEntries(name: Uint8Array): boolean {
  try {
    return JSON.parse(new TextDecoder().decode(name)) === 'entries';
  } catch {
    return false;
  }
}

/** Answers where the list ends: at its bracket, or where it is none. */
function* elementsFrom(bytes: Uint8Array, open: number): Generator<Uint8Array, number> {
  let at = pastSpace(bytes, open + 1);
  if (bytes[at] === CLOSE_LIST) return at;
  for (;;) {
    const end = endOfValue(bytes, at);
    yield bytes.subarray(at, end);
    if (bytes[end] !== COMMA) return end;
    at = end + 1;
  }
}

/** The comma or the bracket behind a value, or the end of the document. */
function endOfValue(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = closingQuote(bytes, at);
    else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if (depth > 0) depth -= byte === CLOSE || byte === CLOSE_LIST ? 1 : 0;
    else if (byte === COMMA || byte === CLOSE || byte === CLOSE_LIST) return at;
  }
  return bytes.length;
}

function closingQuote(bytes: Uint8Array, quote: number): number {
  let at = quote + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function pastSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
