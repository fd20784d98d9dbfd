/** Admission: a caller may speak while its artifact lives, and if its binding is strong enough for it. */
import { BINDINGS } from '../artifact/artifact.ts';
import { find, refuseHalted } from '../authority/find.ts';
import type { Grant } from '../authority/grant.ts';
import type { State } from '../authority/state.ts';
import { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import type { Context } from '../tools/tool.ts';

/** What a caller is bound to; it may have expired so long ago that only the caller remembers it. */
export function grantOf(artifact: string, { session }: Caller, state: State): Grant {
  const grant = state.grants.get(artifact);
  if (!grant && session.wasKnown) throw new Refusal('LEASE_EXPIRED', 'The artifact has expired.');
  session.wasKnown ||= grant !== undefined;
  return grant ?? find(state, artifact);
}

/** A caller that acts under an artifact is heard while that lineage lives, and if it is known well enough. */
export function admit({ state, caller, now }: Context): void {
  if (caller.artifact === null) return;
  const grant = grantOf(caller.artifact, caller, state);
  refuseHalted(grant, now);
  const weakest: readonly string[] = BINDINGS.slice(BINDINGS.indexOf(grant.minBinding));
  if (!weakest.includes(caller.binding)) {
    throw new Refusal(
      'PERMISSION_DENIED',
      `This artifact asks for a caller known by ${weakest.join(' or ')}; this one is known by ${caller.binding}.`,
      {
        hint: "Sign the request with the holder's key: over HTTP in a DPoP header, over MCP in _meta under aga/proof.",
      },
    );
  }
}
