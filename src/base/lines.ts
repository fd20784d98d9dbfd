/**
 * Bytes to lines, in linear time and bounded memory.
 *
 * A line that lies in one chunk is handed on without copying. The bytes of a line are valid only during the callback.
 */
export interface LineReader {
  push(chunk: Buffer): void;
  /** The stream is over: what follows the last newline counts as a line. */
  end(): void;
}

export interface LineSink {
  line(bytes: Buffer): void;
  /** A line that has outgrown the limit was forgotten as it came in, but for how it began and how it ended. */
  tooLong(head: Buffer, tail: Buffer): void;
}

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
/** What is kept between two long lines, so that chunked input does not allocate for each line. */
const KEPT_BYTES = 64 * 1024;
/** Of a line that is too long. */
const EDGE_BYTES = 1024;

export function readLines(limitBytes: number, sink: LineSink): LineReader {
  let held = EMPTY;
  let length = 0;
  let skipping = false;
  let head: Buffer = EMPTY;
  let tail: Buffer = EMPTY;

  function hold(bytes: Buffer): void {
    if (skipping) {
      tail = last(Buffer.concat([tail, last(bytes)]));
      return;
    }
    const size = length + bytes.length;
    if (size > limitBytes) {
      skipping = true;
      head = Buffer.concat([held.subarray(0, Math.min(length, EDGE_BYTES)), bytes.subarray(0, EDGE_BYTES)]);
      tail = last(Buffer.concat([last(held.subarray(0, length)), last(bytes)]));
      release();
      return;
    }
    // Doubling keeps the copying linear however small the chunks are.
    if (size > held.length) held = Buffer.concat([held.subarray(0, length)], Math.max(size, 2 * held.length, 1024));
    bytes.copy(held, length);
    length = size;
  }

  function release(): void {
    length = 0;
    if (held.length > KEPT_BYTES) held = EMPTY;
  }

  function finish(bytes: Buffer): void {
    if (length === 0 && !skipping && bytes.length <= limitBytes) {
      sink.line(bytes);
      return;
    }
    hold(bytes);
    if (skipping) sink.tooLong(head, tail);
    else sink.line(held.subarray(0, length));
    skipping = false;
    release();
  }

  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        finish(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start < chunk.length) hold(chunk.subarray(start));
    },
    end() {
      finish(EMPTY);
    },
  };
}

const last = (bytes: Buffer): Buffer => bytes.subarray(Math.max(0, bytes.length - EDGE_BYTES));
