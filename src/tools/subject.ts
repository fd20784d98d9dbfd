/** Which artifact a call is about when it names one, and when it does not. */
import type { Grant } from '../authority/grant.ts';
import { Refusal } from '../base/refusal.ts';
import { ownArtifact, visible } from '../caller.ts';
import type { Context } from './tool.ts';

/** The hash named, else the session's artifact, else the last root created in this session. Throws `NO_ARTIFACT`. */
export function namedOrOwn({ caller, state }: Context, named: string | undefined): string {
  const hash = named ?? ownArtifact(caller, state);
  if (hash === null) throw new Refusal('NO_ARTIFACT', 'No artifact loaded. Call aga_create_artifact first.');
  return hash;
}

/** The artifact named, else the session's, else the last root created in this session. Throws `NO_ARTIFACT`. */
export function subjectOf(context: Context, named: string | undefined): Grant {
  const { state, caller } = context;
  const hash = namedOrOwn(context, named);
  if (named !== undefined) return visible(state, caller, hash);
  // What the session itself has was known once: only what expired long ago is not known any more.
  const own = state.grants.get(hash);
  if (!own) throw new Refusal('LEASE_EXPIRED', 'The artifact has expired.');
  return own;
}
