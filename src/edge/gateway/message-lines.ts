/**
 * The output of an upstream as lines, in bounded memory whatever it writes.
 *
 * Unlike a request of a client, an answer that is too long is worth recognising: its id stands near one of its ends, and
 * whoever waits for it is told at once. So the two ends of such a line are kept.
 */
export interface LineSink {
  line(bytes: Buffer): void;
  tooLong(head: Buffer, tail: Buffer): void;
  /** The line goes on beyond all measure; called once, and nothing is read afterwards. */
  endless(): void;
}

export interface Limits {
  /** Longest line that is handed on, in bytes. */
  readonly line: number;
  /** A line longer than this never ends. */
  readonly endless: number;
}

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
const KEPT_BYTES = 64 * 1024;
const END_BYTES = 256;

export function messageLines(limits: Limits, sink: LineSink): (chunk: Buffer) => void {
  let held = EMPTY;
  /** Of the line so far. */
  let length = 0;
  /** The ends of a line that is too long. */
  let ends: { readonly head: Buffer; tail: Buffer } | undefined;

  function hold(bytes: Buffer): void {
    const size = length + bytes.length;
    if (size <= limits.line) {
      // Doubling keeps the copying linear however small the chunks are.
      if (size > held.length) held = Buffer.concat([held.subarray(0, length)], Math.max(size, 2 * held.length, 1024));
      bytes.copy(held, length);
    } else {
      ends ??= { head: endOf(held.subarray(0, length), bytes), tail: lastOf(EMPTY, held.subarray(0, length)) };
      ends.tail = lastOf(ends.tail, bytes);
      held = EMPTY;
    }
    length = size;
  }

  function finish(bytes: Buffer): void {
    if (length === 0 && bytes.length <= limits.line) {
      sink.line(bytes);
      return;
    }
    hold(bytes);
    if (ends) sink.tooLong(ends.head, ends.tail);
    else sink.line(held.subarray(0, length));
    length = 0;
    ends = undefined;
    if (held.length > KEPT_BYTES) held = EMPTY;
  }

  return (chunk) => {
    if (length > limits.endless) return;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      finish(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) hold(chunk.subarray(start));
    if (length > limits.endless) sink.endless();
  };
}

/** Copies, so that they do not hold on to what they were cut from. */
const endOf = (a: Buffer, b: Buffer): Buffer =>
  Buffer.concat([a.subarray(0, END_BYTES), b.subarray(0, END_BYTES)]).subarray(0, END_BYTES);
const lastOf = (a: Buffer, b: Buffer): Buffer =>
  Buffer.concat([a.subarray(-END_BYTES), b.subarray(-END_BYTES)]).subarray(-END_BYTES);

/**
 * The id of a message of which only the ends are known. A member named "id" right behind the opening brace (with
 * "jsonrpc" before it, perhaps) or right before the closing one is the message's own: quotes inside a text are escaped,
 * and the members of an object inside are followed by two braces.
 */
export function idOfEnds(head: Buffer, tail: Buffer): string | number | undefined {
  const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{0,128}")\s*,/.exec(
    head.toString(),
  );
  const last = /,\s*"id"\s*:\s*(\d{1,15}|"[^"\\]{0,128}")\s*\}\s*$/.exec(tail.toString());
  const found = (first ?? last)?.[1];
  return found === undefined ? undefined : (JSON.parse(found) as string | number); // one of the two, by the pattern
}
