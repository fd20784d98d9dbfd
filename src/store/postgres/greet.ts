/** What every new connection is told and asked before it is used. */
import { Refusal } from '../../base/refusal.ts';
import type { Session } from './link.ts';
import { migrate, versionOf } from './migrate.ts';
import { MIGRATIONS } from './schema.ts';
import { PLANNER } from './select.ts';

export interface Greeting {
  /** Milliseconds to wait for the right to append. */
  readonly lock: number;
  /** Milliseconds after which the server ends a transaction whose replica stands still: it would hold up all others. */
  readonly standstill: number;
  /** Whether this installation has seen the tables before: then their absence is a loss, not a beginning. */
  readonly known: boolean;
}

/** @throws Refusal `CHAIN_BROKEN` where tables that were there are gone. */
export async function greet(session: Session, { lock, standstill, known }: Greeting): Promise<void> {
  const [, found] = await session.ask(
    { text: `${PLANNER}; SET lock_timeout = ${lock}; SET idle_in_transaction_session_timeout = ${standstill}` },
    { text: 'SELECT pg_is_in_recovery()' },
    // Durable when the promise resolves, whatever the database does for others, or comes to do (`pg_reload_conf`).
    { text: SYNCHRONOUS },
  );
  if (found?.[0]?.[0] === true) throw standby();
  if ((await versionOf(session)) === MIGRATIONS.length) return;
  if (known && (await versionOf(session)) === 0)
    throw new Refusal('CHAIN_BROKEN', 'The tables of the chain are gone from the database.', {
      hint: 'Restore the database from a backup, then run: aga-delegate verify',
    });
  await migrate(session);
}

const SYNCHRONOUS = `SELECT set_config('synchronous_commit',
  CASE WHEN now IN ('off', 'local') THEN 'on' ELSE now END, false) FROM current_setting('synchronous_commit') AS now`;

/** The number of a chain in this database; a new one where there is none of that name. */
export async function chainOf(session: Session, name: string): Promise<number> {
  const find = { text: 'SELECT id FROM aga.chains WHERE name = $1', values: [name] };
  const [found] = await session.ask(find);
  if (found?.[0]) return Number(found[0][0]);
  await session.ask({ text: 'INSERT INTO aga.chains (name) VALUES ($1) ON CONFLICT DO NOTHING', values: [name] });
  const [made] = await session.ask(find);
  return Number(made?.[0]?.[0]);
}

/** As the server would say it of a write; a connection to the one that does write is worth another attempt. */
function standby(): Error {
  return Object.assign(new Error('standby'), { code: '25006', severity: 'FATAL' });
}
