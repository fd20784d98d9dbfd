/** The database by its own check, then the end of the chain: keys, snapshot and signed head must agree. */
import { type Code, Refusal } from '../../../base/refusal.ts';
import { NobodyHere } from '../../../cannot-start.ts';
import { openCheckpoint } from '../../../chain/checkpoint.ts';
import { queryChain } from '../../../tools/query-chain.ts';
import { databaseOf, hasChain, hasContent } from '../begun.ts';
import type { Desk } from '../command.ts';
import { broken, type Check, type Finding, note, ok, reason } from './check.ts';
import { isBarred } from './installation.ts';

const RESTORE = 'Restore the data directory from a backup; do not repair it by hand.';

const BRING =
  'Provide it: with a database by AGA_LOG_KEY or AGA_KEY_COMMAND, else copy log.key from where it was changed.';

export const database: Check = async (desk) => {
  const { database, authority } = desk.settings();
  if (database.url !== null) return (await import('./shared-database.ts')).examine(database.url, authority);
  const path = databaseOf(desk);
  if (isBarred(desk.settings().dataDir)) return [];
  if (!hasContent(path)) return [ok('database', 'There is none yet')];
  // A static import would be one on every start.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const verdict = String(Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]);
      const journal = String(Object.values(db.prepare('PRAGMA journal_mode').get() ?? {})[0]);
      if (verdict === 'ok') return [ok('database', `Intact, journal mode ${journal}`)];
      return [broken('database', `SQLite finds it damaged: ${verdict}`, RESTORE)];
    } finally {
      db.close();
    }
  } catch (error) {
    return [broken('database', `It cannot be read: ${reason(error)}.`, RESTORE)];
  }
};

export const chain: Check = async (desk) => {
  const isThere = await hasChain(desk);
  if (isThere === null) return [];
  if (!isThere) return [ok('chain', 'It begins with the first start')];
  try {
    const { log, call } = await desk.open();
    const { head } = await call(queryChain, { limit: 1 });
    if (head.verifier_key !== log) {
      return [broken('keys', 'The log now has another key, which is not here: nothing can be written.', BRING)];
    }
    if (openCheckpoint(head.checkpoint, log)?.size !== head.size) {
      return [broken('chain', 'The head is not signed by the key of this log.', 'Run: aga-delegate verify')];
    }
    const { entries } = await call(queryChain, { after: head.size - 2, limit: 1 });
    const last = entries[0]?.timestamp ?? '';
    const ahead = Date.parse(last) - Date.now();
    const counted = ok('chain', `${head.size} entries, the head is signed; to judge all of them: aga-delegate verify`);
    if (!(ahead > 5_000)) return [counted];
    const message = `The last entry is of ${last}, which is in the future; new entries keep that time until the clock has passed it.`;
    return [counted, note('clock', message, 'Set the clock. It was ahead once, or is behind now.')];
  } catch (error) {
    return [ofCaller(error, desk) ?? broken('chain', reason(error), RESTORE)];
  }
};

/** What is wrong with the caller's own authority. */
const THEIRS: readonly Code[] = [
  'ARTIFACT_NOT_FOUND',
  'ARTIFACT_REVOKED',
  'LEASE_EXPIRED',
  'SUSPENDED',
  'TOKEN_INVALID',
  'TOKEN_USED',
];

function ofCaller(error: unknown, { settings }: Desk): Finding | undefined {
  const { artifact, token } = settings();
  const set = artifact !== null ? 'AGA_ARTIFACT' : 'AGA_TOKEN';
  const isTheirs = error instanceof Refusal ? THEIRS.includes(error.code) : error instanceof NobodyHere;
  if (!isTheirs || (artifact === null && token === null)) return undefined;
  return broken(
    'identity',
    reason(error),
    `Ask the agent that delegated to you for another, or unset ${set} to act as the operator.`,
  );
}
