/** What the database says (SQLSTATE, PostgreSQL appendix A) or the wire to it, in words without addresses or secrets. */
import { type Code, Refusal } from '../../base/refusal.ts';

export interface Meaning {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
  /** The connection is of no more use; another one may be. */
  readonly away?: true;
}

const AWAY: Meaning = { code: 'CHAIN_CONTENDED', message: 'The database is away.', away: true };
const BUSY: Meaning = { code: 'CHAIN_CONTENDED', message: 'Another replica kept the chain locked for too long.' };
const NO_ROLE: Meaning = {
  code: 'INTERNAL',
  message: 'The database does not let this role in.',
  hint: 'Check user, password and TLS settings of AGA_DATABASE_URL.',
};
const NO_RIGHT: Meaning = {
  code: 'INTERNAL',
  message: 'The role of AGA_DATABASE_URL lacks a right in the database.',
  hint: 'Run `aga-delegate migrate` as the owner of the database, and grant the role what docs/operations.md lists.',
};

/** By SQLSTATE, the longest prefix first. */
const MEANINGS: { readonly [state: string]: Meaning } = {
  // Connection exceptions, shutdowns, crashes, recovery, too many connections.
  '08': AWAY,
  '57P': AWAY,
  '53300': AWAY,
  // Idle in a transaction for too long: this process stood still while it held the lock.
  '25P03': AWAY,
  // A server that has become a standby: the one that writes is elsewhere by now.
  '25006': AWAY,
  '55P03': BUSY,
  '40': BUSY,
  '57014': BUSY,
  '28': NO_ROLE,
  '3D000': { code: 'INTERNAL', message: 'The database that AGA_DATABASE_URL names does not exist.' },
  '42501': NO_RIGHT,
  '42P01': {
    code: 'CHAIN_BROKEN',
    message: 'The tables of the chain are gone from the database.',
    hint: 'Restore the database from a backup, then run: aga-delegate verify',
  },
  '53100': {
    code: 'INTERNAL',
    message: 'The disk of the database is full, nothing was written.',
    hint: 'Free some space and send the request again.',
  },
  XX001: { code: 'CHAIN_BROKEN', message: 'The database is damaged.', hint: 'Restore it from a backup.' },
  XX002: { code: 'CHAIN_BROKEN', message: 'An index of the database is damaged.', hint: 'REINDEX it, then verify.' },
};

/** What the driver has thrown means; undefined where it is not the driver's, such as what a caller's own function threw. */
export function meaningOf(error: unknown): Meaning | undefined {
  const state = stateOf(error);
  if (state === undefined) return isWire(error) ? AWAY : undefined;
  for (let length = 5; length > 1; length--) {
    const found = MEANINGS[state.slice(0, length)];
    if (found) return found;
  }
  return { code: 'INTERNAL', message: 'The database refused.' };
}

/** The refusal for it; what is not the driver's comes back as it is. */
export function inWords(error: unknown): unknown {
  const meaning = meaningOf(error);
  if (!meaning) return error;
  const { code, message, hint } = meaning;
  const state = stateOf(error);
  const reason = state === undefined ? wireReason(error) : `SQLSTATE ${state}`;
  return new Refusal(
    code,
    reason === '' ? message : `${message.slice(0, -1)} (${reason}).`,
    hint === undefined ? {} : { hint },
  );
}

/** Whether the server has answered with an error and kept the connection: then the statement certainly did nothing. */
export const isAnswer = (error: unknown): boolean =>
  stateOf(error) !== undefined && error instanceof Error && 'severity' in error && error.severity === 'ERROR';

/** Only what the server says has a severity; `code` of a Node error is a word such as ECONNRESET. */
function stateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error && 'severity' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The socket's, the resolver's and TLS's errors carry a code; the driver's own words for a lost connection are known. */
function isWire(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Refusal) return false;
  return 'code' in error || OWN_WORDS.test(error.message);
}

const OWN_WORDS = /^(Connection terminated|Client (was closed|has encountered)|Query read timeout|timeout exp|.*SSL)/;

function wireReason(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error) return String(error.code);
  return hasNoTls(error) ? 'it has no TLS' : '';
}

export const hasNoTls = (error: unknown): boolean =>
  error instanceof Error && error.message === 'The server does not support SSL connections';
