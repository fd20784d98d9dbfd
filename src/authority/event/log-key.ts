/**
 * The log goes over to another key. The authority signs that, so that a thief of the log's key cannot do it, and so does
 * the new key, so that nobody names a key that he does not have. What both sign is, in RFC 8785 form,
 *
 *     {"type":"aga-log-key/v1","chain":"<origin>","sequence_number":n,"previous_hash":"<hash of entry n - 1>",
 *      "previous_log_key":"…","log_key":"…","reason":"…"}
 *
 * One statement fits one place of one history: with the hash of the entry before it, the authority itself vouches for
 * everything that the old key has signed so far, and for nothing that the old key signs from now on.
 */
import * as z from 'zod';
import { verify } from '#ed25519';
import { label } from '../../artifact/label.ts';
import { canonicalize } from '../../base/canonical.ts';
import { fromDidKey } from '../../base/did-key.ts';
import { fromBase64url, toBase64url } from '../../base/encoding.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseVerifierKey } from '../../chain/checkpoint.ts';
import type { Signer } from '../../ports.ts';
import { asWritten } from '../decode.ts';
import type { Kind, Position } from '../kind.ts';
import type { LogKey } from '../log-keys.ts';

const schema = z.strictObject({
  kind: z.literal('LOG_KEY'),
  /** C2SP verifier key, of the same name as the one before. */
  log_key: z.string(),
  previous_log_key: z.string(),
  reason: label(1024),
  /** By the authority, base64url. */
  signature: z.string(),
  /** By the new key, over the same bytes. */
  possession: z.string(),
});
export type Rotation = z.infer<typeof schema>;

type Place = Pick<Position, 'sequence' | 'previousHash'>;
type Change = Pick<Rotation, 'log_key' | 'previous_log_key' | 'reason'>;

/** The bytes that the authority and the new key sign. */
export function rotationBytes({ log_key, previous_log_key, reason }: Change, at: Place): Uint8Array {
  const statement = {
    type: 'aga-log-key/v1',
    chain: parseVerifierKey(log_key)?.name ?? '',
    sequence_number: at.sequence,
    previous_hash: at.previousHash,
    previous_log_key,
    log_key,
    reason,
  };
  return new TextEncoder().encode(canonicalize(statement));
}

export function proposeRotation(change: Change, at: Place, authority: Signer, next: Signer): Rotation {
  const bytes = rotationBytes(change, at);
  const [signature, possession] = [authority, next].map((key) => toBase64url(key.sign(bytes)));
  return { kind: 'LOG_KEY', ...change, signature: signature!, possession: possession! };
}

export interface Ruled {
  /** did:key */
  readonly authority: string | null;
  /** The keys until now. */
  readonly logKeys: readonly LogKey[];
}

/** Why the log does not go over to that key there; undefined where it does. */
export function faultOf(event: Rotation, at: Place, { authority, logKeys }: Ruled): string | undefined {
  const [next, present] = [parseVerifierKey(event.log_key), parseVerifierKey(logKeys.at(-1)?.key ?? '')];
  if (event.previous_log_key !== logKeys.at(-1)?.key) return "The key that it replaces is not the log's.";
  if (!next || next.name !== present?.name) return 'The new key is not a verifier key of this log.';
  if (logKeys.some(({ key }) => key === event.log_key)) return 'The new key was a key of this log before.';
  const bytes = rotationBytes(event, at);
  const signed = (text: string, key: Uint8Array | undefined): boolean => {
    const signature = fromBase64url(text);
    return key !== undefined && signature !== undefined && verify(signature, bytes, key);
  };
  if (!signed(event.signature, fromDidKey(authority ?? '')))
    return "The change of the log's key is not signed by the authority, for this place.";
  if (!signed(event.possession, next.publicKey)) return 'The new key has not signed: nobody has shown to have it.';
  return undefined;
}

export const logKey: Kind<Rotation> = {
  ...asWritten(schema),
  names: () => [],
  check(state, event, at) {
    const fault = faultOf(event, at, state);
    if (fault !== undefined) throw new Refusal('INVALID_REQUEST', fault);
  },
  evolve(state, event, at) {
    // Followers of a chain do not check the law, so a key that the authority has not named must not count here.
    if (faultOf(event, at, state) === undefined) state.logKeys.push({ key: event.log_key, from: at.sequence });
  },
};
