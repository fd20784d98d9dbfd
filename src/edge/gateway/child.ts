/**
 * An upstream over stdio, as a transport of the MCP SDK.
 *
 * The SDK's own has no bound for what it reads at once, parses every line with several schemas and takes four seconds to
 * end a program. Here a line has a limit, a chunk is read only when the last one has been dealt with and everybody else
 * had a turn, and what the program does not read is not kept for it without end.
 */
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { type Outbox, outbox } from '../mcp/outbox.ts';
import type { RpcId } from '../mcp/rpc.ts';
import { readMessage } from '../mcp/verbatim.ts';
import type { StdioConfig } from './config.ts';
import { idOfEnds, messageLines } from './message-lines.ts';
import { isList, isObject } from './pointer.ts';
import { type Program, startProgram } from './program.ts';
import { prefixed } from './stderr.ts';

/** A transport that knows when an answer is lost before the connection is. */
export interface UpstreamTransport extends Transport {
  /** The answer to this request came, and cannot be handed on. */
  onlost?: ((id: RpcId, why: string) => void) | undefined;
}

/** The most that our own clients read in one message. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
const ENDLESS_BYTES = 64 * 1024 * 1024;
/** What may wait for a program that does not read. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** What is read of one upstream before others have their turn. */
const TURN_BYTES = 256 * 1024;
/** How long what was written before the end may take to arrive. */
const DRAIN_MS = 100;

export function childTransport(config: StdioConfig, name: string, log: (text: string) => void): UpstreamTransport {
  let program: Program | undefined;
  let out: Outbox | undefined;
  let closed = false;

  function closeOnce(why?: string): void {
    if (closed) return;
    closed = true;
    if (why !== undefined) transport.onerror?.(new Error(why));
    transport.onclose?.();
  }

  async function end(why?: string): Promise<void> {
    closeOnce(why);
    program?.stdout.destroy();
    await program?.end();
  }

  function line(bytes: Buffer): void {
    if (closed || bytes.length === 0) return;
    let value: unknown;
    try {
      value = readMessage(bytes.toString());
    } catch {
      transport.onerror?.(new Error('wrote a line that is not JSON'));
      return;
    }
    // Revision 2025-03-26 knew batches.
    const messages: readonly unknown[] = isList(value as null) ? (value as readonly unknown[]) : [value];
    for (const message of messages) {
      if (isObject(message) && message.jsonrpc === '2.0') transport.onmessage?.(message as unknown as JSONRPCMessage);
      else transport.onerror?.(new Error('wrote a line that is not JSON-RPC 2.0'));
    }
  }

  function tooLong(head: Buffer, tail: Buffer): void {
    const id = idOfEnds(head, tail);
    if (id === undefined) transport.onerror?.(new Error('wrote a message that is too large'));
    else transport.onlost?.(id, `sent more than ${MAX_MESSAGE_BYTES} bytes`);
  }

  function listen({ stdout, stderr, exited }: Program): void {
    const limits = { line: MAX_MESSAGE_BYTES, endless: ENDLESS_BYTES };
    const read = messageLines(limits, { line, tooLong, endless: () => void end('writes a line without end') });
    let taken = 0;
    stdout.on('data', (chunk: Buffer) => {
      taken += chunk.length;
      read(chunk);
      if (taken <= TURN_BYTES || stdout.isPaused()) return;
      stdout.pause();
      setImmediate(() => {
        taken = 0;
        stdout.resume();
      });
    });
    stderr.on('data', prefixed(name, log));
    const over = new Promise((resolve) => stdout.once('close', resolve));
    void exited.then(async (how) => {
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, DRAIN_MS))]);
      closeOnce(how);
    });
  }

  const transport: UpstreamTransport = {
    async start() {
      program = startProgram(config);
      out = outbox(program.stdin, (error) => log(`[${name}] ${String(error)}\n`));
      listen(program);
      await program.started;
    },
    async send(message) {
      if (closed || !out || !program?.stdin.writable) throw new Error('it is not running');
      if (out.waiting > MAX_UNREAD_BYTES) throw new Error('it does not read what it is sent');
      out.send(message);
    },
    close: () => end(),
  };
  return transport;
}
