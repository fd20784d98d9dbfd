/** Who is asking: from the Authorization header and the proof beside it, never from anything else in the request. */
import { timingSafeEqual } from 'node:crypto';
import { sha256Hex } from '#digest';
import { refuseHalted } from '../../authority/find.ts';
import { fromHex } from '../../base/encoding.ts';
import { Refusal } from '../../base/refusal.ts';
import { bound, type Caller, operator } from '../../caller.ts';
import type { SessionClaims } from '../../tokens.ts';
import { type Request, signedBy } from './proof.ts';
import type { Site } from './site.ts';

export interface Known {
  readonly caller: Caller;
  readonly token: string;
  /** Milliseconds since the epoch; null for the operator. */
  readonly until: number | null;
}

/** RFC 6750 section 2.1, and the scheme of RFC 9449 section 7.1; a scheme is read in any case. */
const AUTHORIZATION = /^(?:bearer|dpop) +([\x21-\x7e]+)$/i;

/** Throws `UNAUTHENTICATED`; for a session whose authority has ended, the code of that end. */
export async function authenticate(header: string | undefined, site: Site): Promise<Known> {
  const token = AUTHORIZATION.exec(header ?? '')?.[1];
  if (token === undefined) throw new Refusal('UNAUTHENTICATED', 'A bearer token is needed.');
  if (sameDigest(sha256Hex(token), site.operator)) return { caller: operator(), token, until: null };
  const claims = site.tokens.readSession(token);
  if (!claims) throw new Refusal('UNAUTHENTICATED', 'The bearer token is unknown.');
  if (claims.expires <= site.clock()) await sayWhyOver(claims, site);
  return { caller: bound(claims.artifact, 'bearer'), token, until: claims.expires };
}

/** A signed request makes a bearer the holder. Throws `UNAUTHENTICATED` for a proof that is not good. */
export async function withProof(known: Known, proof: string, request: Request, site: Site): Promise<Caller> {
  const { artifact } = known.caller;
  const holder = artifact === null ? null : await holderOf(artifact, site);
  const signer = await signedBy(proof, { ...request, token: known.token }, site);
  if (artifact === null) return known.caller;
  if (signer !== holder)
    throw new Refusal('UNAUTHENTICATED', 'The proof is by another key than the holder of the artifact has.');
  return bound(artifact, 'proof');
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

async function holderOf(artifact: string, { service }: Site): Promise<string | null> {
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
