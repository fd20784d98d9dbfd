/** The settings of replicas that share a database. Secrets: nothing here is ever printed. */
import { CannotStart } from '../cannot-start.ts';

export interface Database {
  /** `postgres://…`; null for the file of the data directory. */
  readonly url: string | null;
  readonly keys: {
    readonly authority: string | null;
    readonly log: string | null;
    readonly nextLog: string | null;
    readonly replica: string | null;
    readonly command: string | null;
  };
}

/** Set but empty is a mistake, never "none". */
export function databaseIn(env: NodeJS.ProcessEnv): Database {
  const one = (name: string): string | null => {
    const value = env[name];
    if (value === undefined) return null;
    if (value.trim() === '') throw new CannotStart(`${name} is set but empty.`);
    return value;
  };
  const url = one('AGA_DATABASE_URL');
  const keys = {
    authority: one('AGA_AUTHORITY_KEY'),
    log: one('AGA_LOG_KEY'),
    nextLog: one('AGA_NEXT_LOG_KEY'),
    replica: one('AGA_REPLICA_KEY'),
    command: one('AGA_KEY_COMMAND'),
  };
  return { url, keys };
}
