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
const NO_PASSWORD: Meaning = {
  code: 'INTERNAL',
  message: 'The database asks for a password, and AGA_DATABASE_URL has none.',
  hint: 'Write it there, or give it by PGPASSWORD.',
};
const NO_RIGHT: Meaning = {
  code: 'INTERNAL',
  message: 'The role of AGA_DATABASE_URL lacks a right in the database.',
  hint: 'Run `aga-delegate migrate` as the owner of the database, and grant the role what docs/operations.md lists.',
};
const NO_TRUST: Meaning = {
  code: 'INTERNAL',
  message: 'The certificate of the database is not one that AGA_DATABASE_URL trusts.',
  hint: 'sslrootcert must name the CA that signed it; with sslmode=verify-full the host must be one that the certificate names.',
};
const NO_TLS: Meaning = {
  code: 'INTERNAL',
  message: 'The database has no TLS, which AGA_DATABASE_URL asks for.',
  hint: 'Turn ssl on in PostgreSQL, or ask for less with sslmode.',
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
  '3D000': {
    code: 'INTERNAL',
    message: 'The database that AGA_DATABASE_URL names does not exist.',
    hint: 'Create it with createdb, or name another in AGA_DATABASE_URL.',
  },
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
  if (state === undefined) return ofWire(error);
  for (let length = 5; length > 1; length--) {
    const found = MEANINGS[state.slice(0, length)];
    if (found) return found;
  }
  return { code: 'INTERNAL', message: 'The database refused.', hint: 'The log of the database says why.' };
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

/** The refusal for a database that is away, told to a caller that may have written something. */
export function outcomeUnknown(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== 'CHAIN_CONTENDED') return error;
  return new Refusal('CHAIN_CONTENDED', `${error.message} Whether the last entries were written is not known yet.`, {
    hint: 'Send the same request with the same request_id: if it was written, the first outcome is returned.',
  });
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
function ofWire(error: unknown): Meaning | undefined {
  if (!(error instanceof Error) || error instanceof Refusal) return undefined;
  if (hasNoTls(error)) return NO_TLS;
  if (error.message.startsWith('SASL')) return /password must be/.test(error.message) ? NO_PASSWORD : NO_ROLE;
  if (!('code' in error)) return OWN_WORDS.test(error.message) ? AWAY : undefined;
  return UNTRUSTED.test(String(error.code)) ? NO_TRUST : AWAY;
}

const OWN_WORDS = /^(Connection terminated|Client (was closed|has encountered)|Query read timeout|timeout exp|.*SSL)/;
/** As Node names what OpenSSL has found (X509_V_ERR_…). */
const UNTRUSTED = /CERT|CRL|CA_|VERIFY|ISSUER|UNTRUSTED|HOSTNAME_MISMATCH/;

const wireReason = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

export const hasNoTls = (error: unknown): boolean =>
  error instanceof Error && error.message === 'The server does not support SSL connections';
