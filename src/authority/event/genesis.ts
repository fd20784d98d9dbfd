/** The first entry: the authority names the log's key, so that one pinned authority key suffices to judge everything. */
import * as z from 'zod';
import { verify } from '#ed25519';
import { canonicalize } from '../../base/canonical.ts';
import { fromDidKey } from '../../base/did-key.ts';
import { fromBase64url } from '../../base/encoding.ts';
import { Refusal } from '../../base/refusal.ts';
import { asWritten } from '../decode.ts';
import type { Kind } from '../kind.ts';

const schema = z.strictObject({
  kind: z.literal('GENESIS'),
  /** did:key */
  authority: z.string(),
  /** C2SP verifier key; its name is the chain's origin. */
  log_key: z.string(),
  /** By the authority over the RFC 8785 form of the event without this member, base64url. */
  signature: z.string(),
});
export type Genesis = z.infer<typeof schema>;

/** The bytes that the authority signs. */
export function genesisBytes(event: Omit<Genesis, 'signature'>): Uint8Array {
  return new TextEncoder().encode(canonicalize(event));
}

export const genesis: Kind<Genesis> = {
  ...asWritten(schema),
  names: () => [],
  check(state, event, { sequence }) {
    const { signature, ...unsigned } = event;
    const [key, bytes] = [fromDidKey(event.authority), fromBase64url(signature)];
    if (sequence !== 0 || state.authority !== null)
      throw new Refusal('INVALID_REQUEST', 'A chain has one genesis entry, its first.');
    if (!key || !bytes || !verify(bytes, genesisBytes(unsigned), key)) {
      throw new Refusal('INVALID_REQUEST', "The genesis signature is not the authority's.");
    }
  },
  evolve(state, event, { sequence }) {
    state.authority = event.authority;
    state.logKeys.push({ key: event.log_key, from: sequence });
  },
};
