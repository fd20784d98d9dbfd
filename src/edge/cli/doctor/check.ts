/** What an examination finds: how it is, and where it is not well, what to do. */
import { Refusal } from '../../../base/refusal.ts';
import type { Desk } from '../command.ts';

export interface Finding {
  readonly name: string;
  /** `note`: works, and may not be what was meant. */
  readonly status: 'ok' | 'note' | 'broken';
  readonly message: string;
  readonly fix?: string;
}

export type Check = (desk: Desk) => Promise<readonly Finding[]>;

export const ok = (name: string, message: string): Finding => ({ name, status: 'ok', message });
export const note = (name: string, message: string, fix: string): Finding => ({ name, status: 'note', message, fix });
export const broken = (name: string, message: string, fix: string): Finding => ({
  name,
  status: 'broken',
  message,
  fix,
});

/** Our own words, the system's short code, or the first line of what went wrong. */
export function reason(error: unknown): string {
  if (error instanceof Refusal) return `${error.code}: ${error.message}`;
  // SQLite has one code for everything, and says what it was beside it.
  const { code, message, errstr } = error as NodeJS.ErrnoException & { readonly errstr?: string };
  return errstr ?? code ?? String(message ?? error).split('\n')[0]!;
}
