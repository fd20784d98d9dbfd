/**
 * The triggers that keep what is written: entries only follow each other, and nothing is changed or removed. They stop the
 * owner of the tables too (`ALWAYS`: also a session that replicates); one who drops them first is noticed by `verify`. They
 * fire once a statement, so that appending does not pay for them.
 */
import type { Session } from './link.ts';

interface Guard {
  readonly table: string;
  readonly name: string;
  /** How it must be enabled, as `pg_trigger` writes it. */
  readonly enabled: readonly string[];
  readonly sql: string;
}

const growing = (table: string): Guard => ({
  table,
  name: `${table}_only_grows`,
  enabled: ['A'],
  sql: `
  CREATE TRIGGER ${table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON aga.${table}
    FOR EACH STATEMENT EXECUTE FUNCTION aga.only_grows();
  ALTER TABLE aga.${table} ENABLE ALWAYS TRIGGER ${table}_only_grows;`,
});

/** Of the first version of the tables, and never changed. */
export const GUARDS: readonly Guard[] = [
  {
    table: 'entries',
    name: 'entries_only_follow',
    enabled: ['O', 'A'],
    sql: `
  CREATE TRIGGER entries_only_follow AFTER INSERT ON aga.entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION aga.only_follows();`,
  },
  ...['chains', 'entries', 'touches', 'checkpoints', 'nodes'].map(growing),
];

/** Those that are missing or off. The tables are there. */
export async function fallen(session: Session): Promise<readonly Guard[]> {
  const [rows = []] = await session.ask({
    text: `SELECT tgname::text, tgenabled::text FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
           WHERE c.relnamespace = 'aga'::regnamespace`,
  });
  const standing = new Map(rows.map(([name, enabled]) => [String(name), String(enabled)]));
  return GUARDS.filter(({ name, enabled }) => !enabled.includes(standing.get(name) ?? ''));
}

/** Puts them back, all or none: one message is one transaction. */
export async function raise(session: Session, guards: readonly Guard[]): Promise<void> {
  const all = guards.map(({ table, name, sql }) => `DROP TRIGGER IF EXISTS ${name} ON aga.${table};${sql}`);
  if (all.length > 0) await session.run(all.join(''));
}
