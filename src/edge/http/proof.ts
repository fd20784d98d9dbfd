/**
 * Proof of the holder's key on one request: a DPoP proof (RFC 9449) with one claim more.
 *
 *     header    {"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"…"}}
 *     payload   {"htm","htu","iat","jti","ath","aga_body"}
 *
 * `ath` is the base64url SHA-256 of the bearer token (absent where there is none), `aga_body` that of the body, of no
 * bytes where there is no body. A proof is good for one request, within a minute of `iat`.
 */
import * as z from 'zod';
import { sha256, sha256Hex } from '#digest';
import { verify } from '#ed25519';
import { toDidKey } from '../../base/did-key.ts';
import { fromBase64url, toBase64url } from '../../base/encoding.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import type { Clock, Nonces } from '../../ports.ts';

export interface Proven {
  /** What the proof may call the method. */
  readonly methods: readonly string[];
  /** What it may call the address, without query and fragment. */
  readonly urls: readonly string[];
  readonly body: Uint8Array;
  /** The bearer token beside the proof; null where there is none. */
  readonly token: string | null;
}

/** Milliseconds that a proof's time may be away from ours. */
export const WINDOW = 60_000;
const MOST_CHARACTERS = 4096;

// Unknown members are let through, as RFC 7515 section 4 and RFC 7519 section 4 ask; `crit` and private keys are not.
const header = z.looseObject({
  typ: z.literal('dpop+jwt'),
  alg: z.literal('EdDSA'),
  jwk: z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), d: z.undefined().optional() }),
  crit: z.undefined().optional(),
});
const payload = z.looseObject({
  htm: z.string(),
  htu: z.string(),
  iat: z.number(),
  jti: z.string().min(1).max(256),
  ath: z.string().optional(),
  aga_body: z.string(),
});

/** The did:key that signed this very request, now and only now. Throws `UNAUTHENTICATED`. */
export async function signedBy(
  proof: string,
  { methods, urls, body, token }: Proven,
  { clock, nonces }: { readonly clock: Clock; readonly nonces: Nonces },
): Promise<string> {
  const { holder, claims } = open(proof);
  if (!methods.includes(claims.htm)) throw bad('htm names another method');
  if (!names(claims.htu, urls)) throw bad('htu names another address');
  if (claims.ath !== (token === null ? undefined : digest(token)))
    throw bad('ath is not the digest of the bearer token');
  if (claims.aga_body !== digest(body)) throw bad('aga_body is not the digest of the body');
  const issued = claims.iat * 1000;
  if (Math.abs(issued - clock()) > WINDOW) throw bad('iat is more than a minute away');
  if (!(await nonces.once(sha256Hex(`${holder} ${claims.jti}`), issued + WINDOW))) throw bad('it was used before');
  return holder;
}

function open(proof: string): { holder: string; claims: z.infer<typeof payload> } {
  const [head = '', body = '', signature = '', ...more] = proof.length > MOST_CHARACTERS ? [] : proof.split('.');
  const { jwk } = decode(header, head);
  const claims = decode(payload, body);
  const [key, signed] = [fromBase64url(jwk.x), fromBase64url(signature)];
  if (more.length > 0 || !key || !signed || !verify(signed, new TextEncoder().encode(`${head}.${body}`), key)) {
    throw bad('the signature is wrong');
  }
  return { holder: toDidKey(key), claims };
}

function decode<S extends z.ZodType>(schema: S, part: string): z.infer<S> {
  const bytes = fromBase64url(part);
  try {
    return schema.parse(parseStrict(bytes ?? ''));
  } catch {
    throw bad('it is not a DPoP proof of an Ed25519 key');
  }
}

/** RFC 9449 section 4.3: compared after normalization, without query and fragment. */
function names(given: string, urls: readonly string[]): boolean {
  if (!URL.canParse(given)) return false;
  const target = new URL(given);
  target.search = '';
  target.hash = '';
  return urls.includes(target.href);
}

const digest = (data: Uint8Array | string): string => toBase64url(sha256(data));

const bad = (why: string): Refusal =>
  new Refusal('UNAUTHENTICATED', `The proof cannot be accepted: ${why}.`, {
    hint: 'Sign method, address, body, token and time of this request, with a fresh jti.',
  });
