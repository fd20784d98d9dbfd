/** Messages for the operator, one line each on stderr: stdout belongs to the protocol, or to the command's answer. */
import { Refusal } from './base/refusal.ts';
import { CannotStart } from './cannot-start.ts';

const MOST = 4_000;

export function complain(text: string): void {
  process.stderr.write(`aga-delegate: ${text.slice(0, MOST)}\n`);
}

/** Refusals and system errors explain themselves; any other error is a bug, and is printed with its stack. */
export function report(error: unknown): void {
  if (error instanceof Refusal) complain(`${error.code}: ${error.message}`);
  else if (error instanceof CannotStart || isSystemError(error)) complain(error.message);
  else complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

const isSystemError = (error: unknown): error is Error => error instanceof Error && 'syscall' in error;
