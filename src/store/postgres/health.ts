/** What an operator wants to know of a database before trusting it with a chain. */
import type { Session } from './link.ts';
import { pending } from './migrate.ts';
import { SCHEMA } from './schema.ts';

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
  /** Whether there is a chain of that name with entries. */
  readonly begun: boolean;
  /** Whether a commit waits until a standby has it. */
  readonly waits: boolean;
}

export async function healthOf(session: Session, chain: string, now: () => number): Promise<Health> {
  const steps = await pending(session).then(
    (all) => all.map(({ title }) => title),
    () => null,
  );
  const [[[server, time, waits] = []] = []] = await session.ask({
    text: `SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp()) * 1000,
           current_setting('synchronous_standby_names') <> ''`,
  });
  const there = steps === null || steps.length === 0;
  const [[[guarded, mayChange, begun] = []] = []] = there
    ? await session.ask({ text: GUARDED, values: [chain] })
    : [[[true, false, false]]];
  return {
    server: String(server).split(' ')[0] ?? '',
    pending: steps,
    ahead: Number(time) - now(),
    guarded: guarded === true,
    mayChange: mayChange === true,
    begun: begun === true,
    waits: waits === true,
  };
}

const GUARDED = `
  SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '${SCHEMA}.entries'::regclass AND tgname = 'entries_only_grows'
    AND tgenabled = 'A'), has_table_privilege('${SCHEMA}.entries', 'UPDATE, DELETE, TRUNCATE'),
    EXISTS (SELECT FROM ${SCHEMA}.chains AS c JOIN ${SCHEMA}.checkpoints AS k ON k.chain = c.id WHERE c.name = $1)`;
