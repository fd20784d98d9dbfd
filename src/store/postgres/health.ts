/** What an operator wants to know of a database before trusting it with a chain. */
import { Refusal } from '../../base/refusal.ts';
import { fallen } from './guards.ts';
import type { Session } from './link.ts';
import { pending } from './migrate.ts';
import { GRANTS, MIGRATIONS, SCHEMA } from './schema.ts';

export interface Health {
  /** For example `15.7`. */
  readonly server: string;
  /** Titles of the steps that the tables still need; null where they are newer than this program. */
  readonly pending: readonly string[] | null;
  /** Milliseconds by which the server's clock is ahead of ours. */
  readonly ahead: number;
  /** Whether the triggers that keep entries as they are stand, and cannot be passed by a session that replicates. */
  readonly guarded: boolean;
  /** Whether the role could change entries if it were not for the triggers. */
  readonly mayChange: boolean;
  /** Grants that a replica needs and the role does not have, as SQL without the role. */
  readonly lacking: readonly string[];
  /** Whether there is a chain of that name with entries; null where the tables are of another version of this program. */
  readonly begun: boolean | null;
  /** Whether a commit waits until a standby has it. */
  readonly waits: boolean;
}

export async function healthOf(session: Session, chain: string, now: () => number): Promise<Health> {
  const steps = await pending(session).then(
    (all) => all.map(({ title }) => title),
    (error) => {
      // Only what we say ourselves: tables of a newer version.
      if (error instanceof Refusal) return null;
      throw error;
    },
  );
  const [[[server, time, waits] = []] = []] = await session.ask({
    text: `SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp()) * 1000,
           current_setting('synchronous_standby_names') <> ''`,
  });
  const there = steps?.length === 0;
  const [[[mayChange, begun] = []] = []] = there
    ? await session.ask({ text: STATE, values: [chain] })
    : [[[false, steps?.length === MIGRATIONS.length ? false : null]]];
  return {
    server: String(server).split(' ')[0] ?? '',
    pending: steps,
    ahead: Number(time) - now(),
    guarded: !there || (await fallen(session)).length === 0,
    mayChange: mayChange === true,
    lacking: there ? await lackingOf(session) : [],
    begun: begun === null ? null : begun === true,
    waits: waits === true,
  };
}

async function lackingOf(session: Session): Promise<readonly string[]> {
  const [[held = []] = []] = await session.ask({ text: `SELECT ${[...GRANTS.map(isHeld), MAY_FLUSH].join(', ')}` });
  return [...GRANTS, TO_FLUSH]
    .filter((_, index) => held[index] !== true)
    .map((grant) => grant.replace(' TO %ROLE%', ''));
}

/** What everybody has who was not told otherwise. The function has one more parameter from PostgreSQL 17 on. */
const TO_FLUSH = 'GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) TO %ROLE%';
const MAY_FLUSH = `(SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc
  WHERE proname = 'pg_logical_emit_message' AND proargtypes[2] = 'text'::regtype)`;

/** A grant of ours as a question. */
function isHeld(grant: string): string {
  const [, privileges = '', on = ''] = /^GRANT (.+) ON (.+) TO %ROLE%$/.exec(grant) ?? [];
  if (on.startsWith('SCHEMA ')) return `has_schema_privilege('${SCHEMA}', '${privileges}')`;
  if (on.startsWith('ALL TABLES '))
    return `NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind = 'r'
      AND NOT has_table_privilege(oid, '${privileges}'))`;
  const asked = on.split(', ').flatMap((table) =>
    privileges.split(', ').map((privilege) => {
      const [, what = '', column] = /^(\w+)(?: \((\w+)\))?$/.exec(privilege) ?? [];
      return column === undefined
        ? `has_table_privilege('${table}', '${what}')`
        : `has_column_privilege('${table}', '${column}', '${what}')`;
    }),
  );
  return `(${asked.join(' AND ')})`;
}

const STATE = `
  SELECT has_table_privilege('${SCHEMA}.entries', 'UPDATE, DELETE, TRUNCATE'),
    EXISTS (SELECT FROM ${SCHEMA}.chains AS c JOIN ${SCHEMA}.checkpoints AS k ON k.chain = c.id WHERE c.name = $1)`;
