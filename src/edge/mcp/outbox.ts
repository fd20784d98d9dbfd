/** Messages to one writable stream, a line each: what is sent in one turn of the event loop leaves in one write. */
import type { Writable } from 'node:stream';
import { isId, RPC, rpcError } from './rpc.ts';
import { writeMessage } from './verbatim.ts';

export interface Outbox {
  send(message: OutgoingMessage): void;
  /** Resolves when everything sent so far has left the process, or never when the stream broke. */
  flushed(): Promise<void>;
  /** Bytes that the reader has not taken yet. */
  readonly waiting: number;
}

export type OutgoingMessage = object & { readonly id?: unknown; readonly result?: unknown };

export function outbox(stream: Writable, report: (error: unknown) => void): Outbox {
  let batch = '';

  function flush(): void {
    const lines = batch;
    batch = '';
    if (lines !== '') stream.write(lines);
  }

  return {
    send(message) {
      // After the microtasks: 64 calls that arrived together are answered together.
      if (batch === '') process.nextTick(flush);
      batch += `${encode(message, report)}\n`;
    },
    flushed() {
      flush();
      return new Promise((resolve) => stream.write('', () => resolve()));
    },
    get waiting() {
      return stream.writableLength + batch.length;
    },
  };
}

/** A result that JSON cannot hold is our fault; its caller is told so instead of waiting for ever. */
function encode(message: OutgoingMessage, report: (error: unknown) => void): string {
  try {
    return writeMessage(message);
  } catch (error) {
    report(error);
    const { id } = message;
    return JSON.stringify(rpcError(isId(id) ? id : null, RPC.internal, 'Internal error'));
  }
}
