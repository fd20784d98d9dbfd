/** What SQLite says when it cannot: told apart by result code (sqlite.org/rescode.html), passed on in words without paths. */
import { type Code, Refusal } from '../../base/refusal.ts';

interface Meaning {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
}

const BUSY: Meaning = { code: 'CHAIN_CONTENDED', message: 'Another process kept the chain locked for too long.' };
const WRITABLE = 'Make the data directory and every file in it writable for the user of this process.';
const RESTORE =
  'Restore the data directory from a backup; do not delete the database, it is the only copy of the chain.';

/** Primary result code → meaning. */
const MEANINGS: { readonly [code: number]: Meaning } = {
  5: BUSY,
  6: BUSY,
  // Locking protocol: too many processes recovered the write-ahead log at once.
  15: BUSY,
  3: { code: 'INTERNAL', message: 'The database may not be used by this user.', hint: WRITABLE },
  8: { code: 'INTERNAL', message: 'The database is read-only, nothing was written.', hint: WRITABLE },
  10: {
    code: 'INTERNAL',
    message: 'The disk failed while the database was in use.',
    hint: 'Check the disk, then run: aga-delegate verify',
  },
  11: { code: 'CHAIN_BROKEN', message: 'The database is damaged.', hint: RESTORE },
  13: {
    code: 'INTERNAL',
    message: 'The disk is full, nothing was written.',
    hint: 'Free some space and send the request again.',
  },
  14: { code: 'INTERNAL', message: 'The database cannot be opened.', hint: WRITABLE },
  26: { code: 'INTERNAL', message: 'The database file is not a database.', hint: RESTORE },
};

/** What the processes of one database share beside it could not grow. */
const IOERR_SHMSIZE = 4874;
const FULL = 13;

export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== undefined && MEANINGS[code] === BUSY;
}

/** Whether the file itself is no whole database. */
export function isDamaged(error: unknown): boolean {
  const code = primaryCode(error);
  return code === 11 || code === 26;
}

/** The refusal for what SQLite threw; anything else, such as what a caller's own function threw, comes back as it is. */
export function inWords(error: unknown): unknown {
  const code = primaryCode(error);
  if (code === undefined) return error;
  const { message, ...meaning } = MEANINGS[code] ?? { code: 'INTERNAL', message: 'The database refused.' };
  const hint = 'hint' in meaning ? { hint: meaning.hint } : {};
  return new Refusal(meaning.code, `${message} (SQLite ${code})`, hint);
}

/** The lower byte; the rest says more than we act on. `errcode` is what `node:sqlite` adds to its errors. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode === IOERR_SHMSIZE ? FULL : error.errcode % 256;
}
