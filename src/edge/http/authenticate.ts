/** Who is asking: from the Authorization header and the proof beside it, never from anything else in the request. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sha256Hex } from '#digest';
import type { Binding } from '../../artifact/artifact.ts';
import { refuseHalted } from '../../authority/find.ts';
import { fromHex } from '../../base/encoding.ts';
import { Refusal } from '../../base/refusal.ts';
import { bound, type Caller, operator } from '../../caller.ts';
import type { SessionClaims } from '../../keys/tokens.ts';
import type { Service } from '../../service/service.ts';
import { type Proven, signedBy } from './proof.ts';
import type { Site } from './site.ts';

export interface Known {
  readonly caller: Caller;
  /** Null where none was asked for, or a key alone is shown. */
  readonly token: string | null;
  /** Milliseconds since the epoch at which the session ends; null where there is none. */
  readonly until: number | null;
  /** The proof beside it, not judged yet. */
  readonly proof: string | null;
}

export type Access = 'anyone' | 'bearer' | 'key';

/** Somebody without any artifact: can do nothing that asks for one. */
const nobody = (binding: Binding): Caller => bound('', binding);

/** RFC 6750 section 2.1, and the scheme of RFC 9449 section 7.1; a scheme is read in any case. */
const AUTHORIZATION = /^(bearer|dpop) +([\x21-\x7e]+)$/i;

/** Throws `UNAUTHENTICATED`; for a session whose authority has ended, the code of that end. */
export async function authenticate(
  { authorization, dpop }: IncomingHttpHeaders,
  access: Access,
  site: Site,
): Promise<Known> {
  if (access === 'anyone') return { caller: nobody('handle'), token: null, until: null, proof: null };
  const proof = typeof dpop === 'string' ? dpop : null;
  if (access === 'key' && authorization === undefined && proof !== null) {
    return { caller: nobody('proof'), token: null, until: null, proof };
  }
  const [, scheme = '', token] = AUTHORIZATION.exec(authorization ?? '') ?? [];
  if (token === undefined) throw new Refusal('UNAUTHENTICATED', 'A bearer token is needed.');
  if (proof === null && scheme.toLowerCase() === 'dpop') {
    throw new Refusal('UNAUTHENTICATED', 'The scheme DPoP needs a proof in a DPoP header; without one it is Bearer.');
  }
  if (sameDigest(sha256Hex(token), site.operator)) return { caller: operator(), token, until: null, proof };
  const claims = site.tokens.readSession(token);
  if (!claims) throw new Refusal('UNAUTHENTICATED', 'The bearer token is unknown.');
  if (claims.expires <= site.clock()) await sayWhyOver(claims, site);
  return { caller: bound(claims.artifact, 'bearer'), token, until: claims.expires, proof };
}

/** Judges the proof, where there is one: it makes a bearer the holder. Throws `UNAUTHENTICATED` where it is not good. */
export async function proven(
  { caller, token, proof }: Known,
  request: Omit<Proven, 'token'>,
  site: Site,
): Promise<{ caller: Caller; signedBy: string | null }> {
  if (proof === null) return { caller, signedBy: null };
  const { artifact } = caller;
  const signed = signedBy(proof, { ...request, token }, site);
  if (artifact === null || artifact === '') return { caller, signedBy: await signed };
  try {
    const signer = await signed;
    if (signer === (await holderOf(artifact, site.service)))
      return { caller: bound(artifact, 'proof'), signedBy: signer };
    throw new Refusal('UNAUTHENTICATED', 'The proof is by another key than the holder of the artifact has.');
  } catch (error) {
    // Somebody has the token of this session and not its key.
    if (error instanceof Refusal && error.code === 'UNAUTHENTICATED') site.onFailedProof(artifact);
    throw error;
  }
}

async function sayWhyOver({ artifact }: SessionClaims, site: Site): Promise<never> {
  return site.service.askAnyone<never>({
    name: 'session',
    caller: bound(artifact, 'bearer'),
    writes: false,
    decide({ state, now }) {
      const grant = state.grants.get(artifact);
      // The token is ours, so the artifact was there; only what expired long ago is forgotten.
      if (!grant) throw new Refusal('LEASE_EXPIRED', 'The artifact has expired.');
      refuseHalted(grant, now);
      const hint = 'Redeem the enrolment token with the same key again: that opens a new session.';
      throw new Refusal('UNAUTHENTICATED', 'The session has expired.', { hint });
    },
  });
}

/** An artifact's holder, once there is one, never changes. */
const holders = new Map<string, string>();
const KEPT = 10_000;

export async function holderOf(artifact: string, service: Service): Promise<string | null> {
  const known = holders.get(artifact);
  if (known !== undefined) return known;
  const holder = await service.askAnyone<string | null>({
    name: 'holder',
    caller: bound(artifact, 'bearer'),
    writes: false,
    decide: ({ state }) => ({ answer: state.grants.get(artifact)?.holder ?? null }),
  });
  if (holders.size >= KEPT) holders.clear();
  if (holder !== null) holders.set(artifact, holder);
  return holder;
}

function sameDigest(a: string, b: string): boolean {
  const [left, right] = [fromHex(a), fromHex(b)];
  return left !== undefined && right !== undefined && left.length === right.length && timingSafeEqual(left, right);
}
