/**
 * Enrolment: an agent binds a key of its own to the artifact that was minted for it.
 *
 * The agent's public id is the first 32 hex digits of its artifact's hash, so nobody has to keep a table of ids. What the
 * agent signs names that id and its key, and no secret: it stands on the chain, where an auditor checks it again.
 *
 *     {"type":"aga-enroll/v1","token_id":"<public id>","holder":"<did:key>"}      in RFC 8785 form, as UTF-8
 */
import { verify } from '#ed25519';
import { canonicalize } from '../base/canonical.ts';
import { fromDidKey, toDidKey } from '../base/did-key.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import type { ArtifactSigner } from './artifact.ts';

const ID_DIGITS = 32;

/** The public id of the agent that an artifact was issued to. */
export const agentId = (artifactHash: string): string => artifactHash.slice(0, ID_DIGITS);

const statement = (token_id: string, holder: string): Uint8Array =>
  new TextEncoder().encode(canonicalize({ type: 'aga-enroll/v1', token_id, holder }));

/** The proof that an agent shows when it redeems its token: 86 characters base64url. */
export const proveHolder = (tokenId: string, key: ArtifactSigner): string =>
  toBase64url(key.sign(statement(tokenId, toDidKey(key.publicKey))));

/** Whether `holder` (did:key) signed for `tokenId`. Bad input of any kind is `false`. */
export function isProven(tokenId: string, holder: string, proof: string): boolean {
  const [key, signature] = [fromDidKey(holder), fromBase64url(proof)];
  return key !== undefined && signature !== undefined && verify(signature, statement(tokenId, holder), key);
}
