/** An artifact ends before its time, and its whole subtree with it. */
import * as z from 'zod';
import { label } from '../../artifact/label.ts';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { find, notFound, refuseHalted } from '../find.ts';
import { isWithin } from '../grant.ts';
import type { Kind } from '../kind.ts';

const schema = z.strictObject({
  kind: z.literal('REVOCATION'),
  artifact_hash: hash,
  reason: label(1024),
  /** The artifact that asked: an ancestor, or the artifact itself; null for the operator. */
  by: hash.nullable(),
});
export type Revocation = z.infer<typeof schema>;

export const revocation: Kind<Revocation> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash, by }, { time }) {
    const grant = find(state, artifact_hash);
    if (by !== null) {
      if (!isWithin(grant, by)) throw notFound();
      refuseHalted(find(state, by), time);
    }
    if (grant.revoked !== null) throw new Refusal('ARTIFACT_REVOKED', 'The artifact was revoked before.');
  },
  evolve(state, { artifact_hash }, { sequence }) {
    const grant = state.grants.get(artifact_hash);
    if (grant) state.revoke(grant, sequence);
  },
};
