/** An agent binds its key to the artifact that was minted for it: once, with proof that it has the key. */
import * as z from 'zod';
import { agentId, isProven } from '../../artifact/enrolment.ts';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { find, refuseBanned, refuseHalted } from '../find.ts';
import type { Kind } from '../kind.ts';

const schema = z.strictObject({
  kind: z.literal('ENROLLMENT'),
  artifact_hash: hash,
  /** Public half of the token that was redeemed. */
  token_id: z.string().regex(/^[0-9a-f]{32}$/),
  /** did:key */
  holder: z.string(),
  /** By the holder over the statement of `artifact/enrolment.ts`, base64url. */
  proof: z.string(),
});
export type Enrollment = z.infer<typeof schema>;

export const enrollment: Kind<Enrollment> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash, token_id, holder, proof }, { time }) {
    const grant = find(state, artifact_hash);
    refuseHalted(grant, time);
    if (!grant.enroll || token_id !== agentId(artifact_hash)) {
      throw new Refusal('INVALID_REQUEST', 'No enrolment token was minted for this artifact.');
    }
    refuseBanned(state, holder);
    if (grant.holder !== null) throw new Refusal('TOKEN_USED', 'The token was redeemed before, with another key.');
    if (!isProven(token_id, holder, proof)) {
      throw new Refusal('INVALID_REQUEST', "The proof is not the holder's signature over the enrolment statement.");
    }
  },
  evolve(state, { artifact_hash, holder }) {
    const grant = state.grants.get(artifact_hash);
    if (grant) grant.holder = holder;
  },
};
