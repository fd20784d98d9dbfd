/**
 * The life of the stdio server: it reads lines, and it ends well.
 *
 * The end of stdin, SIGTERM, SIGINT, SIGHUP and a closed stdout end it within two seconds. What was accepted before is
 * answered: calls get most of that time, and those that need more are answered `CANCELLED`.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { readLines } from '../../base/lines.ts';
import { Refusal } from '../../base/refusal.ts';
import { report } from '../../complaint.ts';
import { outbox } from './outbox.ts';
import { isId, type Judgement, judge, MAX_LINE_BYTES, oversized, RPC, refuse } from './rpc.ts';
import { connect, type ServerInfo } from './server.ts';
import type { Session } from './session.ts';
import { unanswered } from './unanswered.ts';

export interface StdioOptions {
  /** Called once per connection, and once more for a probe that is thrown away: cheap and without effects. */
  readonly session: () => Session;
  readonly info: ServerInfo;
  /** The end was asked for: ends at once what should not go on until then. */
  readonly onEnding?: () => void;
  /** Closes what the process holds open; is given what is left of the two seconds. */
  readonly onStop?: () => Promise<void>;
}

/** Both from the moment the end was asked for: running calls are cut, and nothing is waited for any more. */
const CUT_MS = 1_600;
const END_MS = 1_850;
/** How often we look whether anybody still holds the other end of stdout. */
const PROBE_MS = 500;
/** Reading pauses while a client that does not read lets more than this pile up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

const STOPPING = new Refusal('CANCELLED', 'The server is stopping, and this call was not finished.', {
  hint: 'Repeat it with the same request_id to learn whether it took effect.',
});

/** Serves the process's own stdin and stdout; resolves when the process may exit, with code 0. */
export async function serveStdio({ session, info, onEnding, onStop }: StdioOptions): Promise<void> {
  const { stdin, stdout } = process;
  const out = outbox(stdout, report);
  const answers = unanswered();
  const cut = new Set<unknown>();
  const connection = connect({
    session,
    info,
    report,
    send(message) {
      if (cut.has(message.id)) return;
      out.send(message);
      answers.sent(message);
    },
  });
  const reader = readLines(MAX_LINE_BYTES, {
    line: (bytes) => take(judge(bytes)),
    tooLong: (head, tail) => out.send(oversized(head, tail)),
  });

  function take({ message, reply }: Judgement): void {
    if (reply !== undefined) out.send(reply);
    if (message === undefined) return;
    answers.accepted(message);
    connection.receive(message);
  }

  function read(chunk: Buffer): void {
    reader.push(chunk);
    if (out.waiting <= MAX_WAITING_BYTES) return;
    stdin.pause();
    stdout.once('drain', () => stdin.resume());
  }

  const broken = isBroken();
  const asked = isAsked();
  stdin.on('data', read).once('end', () => reader.end());
  await Promise.race([asked, broken]);

  const end = performance.now() + END_MS;
  onEnding?.();
  const left = () => end - performance.now();
  // What the client wrote before it sent a signal may still lie in the pipe.
  await turn();
  await turn();
  stdin.off('data', read).pause();
  await within(CUT_MS, Promise.race([answers.nothing(), broken]));
  for (const { id, ...request } of answers.rest()) {
    if (!isId(id)) continue;
    cut.add(id);
    out.send(refuse({ ...request, id }, RPC.internal, STOPPING));
  }
  await within(left(), connection.close());
  await within(left(), Promise.race([out.flushed(), broken]));
  await within(left(), onStop?.() ?? Promise.resolve());
}

function isAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve());
    for (const event of ['end', 'error', 'close']) process.stdin.once(event, () => resolve());
  });
}

/** Resolves when nobody can read our answers. */
function isBroken(): Promise<void> {
  const { stdout, stderr } = process;
  // A host may close its end of stderr; that ends nothing.
  stderr.on('error', () => {});
  // Writing nothing tells an idle server that its reader is gone, where pipes are sockets. On Windows it may look like
  // the end of the stream to the reader.
  if (process.platform !== 'win32') setInterval(() => stdout.write(''), PROBE_MS).unref();
  return new Promise((resolve) => {
    stdout.on('error', () => resolve()).once('close', () => resolve());
  });
}

/** Waits for `work`, but no longer than `ms`. */
function within(ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    work.catch(report).finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
