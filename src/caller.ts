/** Who is asking. Only an edge can make one, from the transport and never from an argument. */
import type { Binding } from './artifact/artifact.ts';
import { find, notFound } from './authority/find.ts';
import { type Grant, isWithin } from './authority/grant.ts';
import type { State } from './authority/state.ts';

interface Session {
  /** The last root that it was told of: `decidedRoot`, once that is written. */
  lastRoot: string | null;
  /** The last root that was decided for it: a call sent before the answer refers to this one already. */
  decidedRoot?: string;
  /** Whether its artifact was found before: if it no longer is, it has expired and was forgotten. */
  wasKnown?: boolean;
}

export interface Caller {
  /** How strongly the caller is known. */
  readonly binding: 'operator' | Binding;
  /** Hash of the artifact that the caller acts under; null for the operator. */
  readonly artifact: string | null;
  /** What this one connection remembers. */
  readonly session: Session;
  /** Address under which it reaches this authority; absent on the same machine. */
  readonly server?: string;
}

export const operator = (): Caller => ({ binding: 'operator', artifact: null, session: { lastRoot: null } });

export const bound = (artifact: string, binding: Binding): Caller => ({
  binding,
  artifact,
  session: { lastRoot: null },
});

/** Hash of the artifact that a caller means without naming one: its own, else the last root of its session; null for none. */
export function ownArtifact({ artifact, session }: Caller, state: State): string | null {
  const { decidedRoot, lastRoot } = session;
  // A root that was decided but not written does not exist.
  return artifact ?? (decidedRoot !== undefined && state.grants.has(decidedRoot) ? decidedRoot : lastRoot);
}

/** The grant of that hash if the caller may see it: the operator all, an artifact its own subtree. */
export function visible(state: State, caller: Caller, hash: string): Grant {
  const grant = find(state, hash);
  if (caller.artifact !== null && !isWithin(grant, caller.artifact)) throw notFound();
  return grant;
}
