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
  /** Called once, as soon as a line has outgrown the limit; the rest of it is forgotten as it comes in. */
  tooLong(): void;
}

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
/** What is kept between two long lines, so that chunked input does not allocate for each line. */
const KEPT_BYTES = 64 * 1024;

export function readLines(limitBytes: number, sink: LineSink): LineReader {
  let held = EMPTY;
  let length = 0;
  let skipping = false;

  function hold(bytes: Buffer): void {
    if (skipping) return;
    const size = length + bytes.length;
    if (size > limitBytes) {
      skipping = true;
      release();
      sink.tooLong();
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
    if (!skipping) sink.line(held.subarray(0, length));
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
