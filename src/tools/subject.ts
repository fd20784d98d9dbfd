/** Which artifact a call is about when it names one, and when it does not. */
import { find } from '../authority/find.ts';
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
  return named === undefined ? find(state, hash) : visible(state, caller, hash);
}
