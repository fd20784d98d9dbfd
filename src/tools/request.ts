/** Idempotency: what a repeated request_id is recognised by. */
import { sha256Hex } from '#digest';
import type { RequestDigest } from '../authority/kind.ts';
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Context } from './tool.ts';

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
    key: sha256Hex(canonicalize({ caller: caller.artifact ?? 'operator', tool, request_id })),
    input: sha256Hex(canonicalize(given)),
  };
}

/** Sequence number of the entry that answered this request before; throws `DUPLICATE_KEY` where it asked for another thing. */
export function recalled({ state }: Context, request: RequestDigest | null): number | undefined {
  const known = request && state.requests.get(request.key);
  if (!known) return undefined;
  if (known.input === request.input) return known.sequence;
  throw new Refusal('DUPLICATE_KEY', 'This request_id was used before with another input.');
}
