/** An artifact's time was up. For the record only: every rule asks the clock and never this entry. */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { find } from '../find.ts';
import type { Kind } from '../kind.ts';

const schema = z.strictObject({ kind: z.literal('EXPIRY'), artifact_hash: hash });
export type Expiry = z.infer<typeof schema>;

export const expiry: Kind<Expiry> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash }, { time }) {
    const grant = find(state, artifact_hash);
    if (grant.expires > time) throw new Refusal('INVALID_REQUEST', 'The artifact has not expired.');
    if (grant.expiryNoted) throw new Refusal('INVALID_REQUEST', 'The expiry stands on the chain already.');
  },
  evolve(state, { artifact_hash }) {
    const grant = state.grants.get(artifact_hash);
    if (grant) grant.expiryNoted = true;
  },
};
