/** Idempotency: what a repeated request_id is recognised by. */
import { sha256Hex } from '#digest';
import type { Grant } from '../authority/grant.ts';
import type { RequestDigest } from '../authority/kind.ts';
import type { State } from '../authority/state.ts';
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type Caller, ownArtifact } from '../caller.ts';
import type { Context } from './tool.ts';

interface Asked {
  readonly request_id?: string | undefined;
  readonly parent_artifact_hash?: string | undefined;
}

/**
 * The digests of a request: `key` belongs to the caller and the tool, `input` covers everything else that was asked.
 * Undefined members count as absent. Null where the caller gave no request_id.
 */
export function requestDigest(
  tool: string,
  { caller }: Context,
  { request_id, ...input }: { readonly request_id?: string | undefined; readonly [member: string]: unknown },
): RequestDigest | null {
  if (request_id === undefined) return null;
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return {
    key: keyOf(tool, caller, request_id),
    input: sha256Hex(canonicalize(given)),
  };
}

const keyOf = (tool: string, { artifact }: Caller, request_id: string): string =>
  sha256Hex(canonicalize({ caller: artifact ?? 'operator', tool, request_id }));

/**
 * What an answered request delegated from, where its repeat names no parent and the session has none: whoever was
 * started anew asks again in the words that were enough before. Undefined where there is nothing of the kind.
 *
 * `after`: how many entries after the delegation the one stands that answered.
 */
export function parentOfFirst(
  tool: string,
  { state, caller }: Context,
  { request_id, parent_artifact_hash: named }: Asked,
  after = 0,
): Grant | undefined {
  if (request_id === undefined || named !== undefined || ownArtifact(caller, state) !== null) return undefined;
  const known = state.requests.get(keyOf(tool, caller, request_id));
  return (known && createdAt(state, known.sequence - after)?.parent) ?? undefined;
}

/** The grant that this entry created; undefined where it is forgotten. Looks at all: for what is rare. */
export function createdAt({ grants }: State, sequence: number): Grant | undefined {
  return [...grants.values()].find((grant) => grant.sequence === sequence);
}

/** Sequence number of the entry that answered this request before; throws `DUPLICATE_KEY` where it asked for another thing. */
export function recalled({ state }: Context, request: RequestDigest | null): number | undefined {
  const known = request && state.requests.get(request.key);
  if (!known) return undefined;
  if (known.input === request.input) return known.sequence;
  throw new Refusal('DUPLICATE_KEY', 'This request_id was used before with another input.');
}
