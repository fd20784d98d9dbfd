/** What the operator should know, a line on stderr: stdout belongs to the protocol, or to the answer. */
import { Refusal } from './base/refusal.ts';

const MOST = 4_000;

export function complain(text: string): void {
  process.stderr.write(`aga-delegate: ${text.slice(0, MOST)}\n`);
}

/** A refusal says itself what is the matter; of anything else the place is needed. */
export function report(error: unknown): void {
  if (error instanceof Refusal) complain(`${error.code}: ${error.message}`);
  else complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
