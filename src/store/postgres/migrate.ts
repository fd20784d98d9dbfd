/** Brings the tables to the version that this program knows: under a lock, in one transaction, only forwards. */
import { Refusal } from '../../base/refusal.ts';
import type { Session } from './link.ts';
import { MIGRATIONS, type Migration, SCHEMA } from './schema.ts';

/** Advisory lock held while migrating: "aga" and 1. */
const LOCK = 0x61676101;

/** 0 where there are no tables yet. */
export async function versionOf(session: Session): Promise<number> {
  // The catalogue itself: what a session remembers of it may be older than the lock.
  const [there] = await session.ask({
    text: `SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = '${SCHEMA}' AND tablename = 'versions')`,
  });
  if (there?.[0]?.[0] !== true) return 0;
  const [version] = await session.ask({ text: `SELECT coalesce(max(version), 0) FROM ${SCHEMA}.versions` });
  return Number(version?.[0]?.[0]);
}

/** What would be done. @throws Refusal where the tables are newer than this program. */
export async function pending(session: Session): Promise<readonly Migration[]> {
  const version = await versionOf(session);
  if (version > MIGRATIONS.length)
    throw new Refusal('INTERNAL', 'The database was migrated by a newer version of aga-delegate.', {
      hint: 'Update aga-delegate on this machine.',
    });
  return MIGRATIONS.slice(version);
}

/** Does what is pending, and says what it was. */
export async function migrate(session: Session): Promise<readonly Migration[]> {
  if ((await pending(session)).length === 0) return [];
  await refuseEncodings(session);
  await session.ask({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
  try {
    // Several replicas may start at once: the others find nothing left to do.
    await session.ask({ text: `SELECT pg_advisory_xact_lock(${LOCK})` });
    const steps = await pending(session);
    const from = MIGRATIONS.length - steps.length;
    if (from === 0 && steps.length > 0) await session.ask({ text: FOUNDATION });
    for (const [at, { sql }] of steps.entries()) {
      await session.ask({ text: sql });
      await session.ask({ text: `INSERT INTO ${SCHEMA}.versions VALUES (${from + at + 1})` });
    }
    await session.ask({ text: 'COMMIT' });
    return steps;
  } catch (error) {
    await session.ask({ text: 'ROLLBACK' }).catch(() => undefined);
    throw error;
  }
}

/** An owner may have made the schema beforehand, for a role that may not. */
const FOUNDATION = `
  DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '${SCHEMA}') THEN
     CREATE SCHEMA ${SCHEMA}; END IF; END $$;
  CREATE TABLE ${SCHEMA}.versions (version integer PRIMARY KEY, migrated timestamptz NOT NULL DEFAULT now())`;

/** Entries hold any text of Unicode; SQL_ASCII keeps bytes as they are. */
async function refuseEncodings(session: Session): Promise<void> {
  const [found] = await session.ask({ text: `SELECT current_setting('server_encoding')` });
  const encoding = String(found?.[0]?.[0]);
  if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII')
    throw new Refusal('INTERNAL', `The database has the encoding ${encoding}; it must be UTF8.`);
}
