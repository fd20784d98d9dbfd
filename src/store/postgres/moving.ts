/** What an operator does to a database before replicas use it. */
import type { Dump } from '../dump.ts';
import { addressOf } from './address.ts';
import { inWords } from './failure.ts';
import { fallen, raise } from './guards.ts';
import { type Health, healthOf } from './health.ts';
import { Link, type Session } from './link.ts';
import { holds, type Loading, load, sizeOf } from './load.ts';
import { migrate, pending } from './migrate.ts';

export interface Moving {
  /** Titles of what the tables still need, or have lost. */
  pending(): Promise<readonly string[]>;
  /** Does that. */
  migrate(): Promise<readonly string[]>;
  /** Entries of that chain in the database; needs the tables. */
  sizeOf(chain: string): Promise<number>;
  /** Whether that chain in the database is what the dump was copied to, and all of it. */
  holds(chain: string, dump: Dump): Promise<boolean>;
  load(dump: Dump, loading: Loading): Promise<void>;
  health(chain: string, now: () => number): Promise<Health>;
  close(): Promise<void>;
}

const GUARDED = 'the triggers that keep entries from being changed';

/** Waits so many milliseconds for a database that is just starting. @throws Refusal in words for the operator. */
export function moving(url: string, patience = 10_000): Moving {
  const link = new Link({ address: addressOf(url), patience, greet: async () => {} });
  const once = async <T>(act: (session: Session) => Promise<T>): Promise<T> => {
    const session = await link.patiently(async (open) => open);
    try {
      return await act(session);
    } catch (error) {
      throw inWords(error);
    }
  };
  const named = (guards: readonly object[]): string[] => (guards.length > 0 ? [GUARDED] : []);
  const titles = (steps: readonly { readonly title: string }[]): string[] => steps.map(({ title }) => title);
  return {
    pending: () =>
      once(async (session) => {
        const steps = await pending(session);
        // Tables that need steps may not all be there.
        return [...titles(steps), ...(steps.length === 0 ? named(await fallen(session)) : [])];
      }),
    migrate: () =>
      once(async (session) => {
        const steps = await migrate(session);
        const guards = await fallen(session);
        await raise(session, guards);
        return [...titles(steps), ...named(guards)];
      }),
    sizeOf: (chain) => once((session) => sizeOf(session, chain)),
    health: (chain, now) => once((session) => healthOf(session, chain, now)),
    holds: (chain, dump) => once((session) => holds(session, chain, dump)),
    load: (dump, loading) => once((session) => load(session, dump, loading)),
    close: () => link.close(),
  };
}
