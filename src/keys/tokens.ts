/**
 * Bearer secrets of the authority: made from its key whenever they are needed, and kept nowhere.
 *
 *     enrolment token   lt-delegate-<public id>.<base64url HMAC-SHA-256(K, "aga-enrolment/v1:" public id)>
 *     session token     aga-session-<base64url claims>.<base64url HMAC-SHA-256(K, "aga-session/v1:" base64url claims)>
 *
 * K = SHA-256 of the authority's signature over "aga-token-key/v1". Ed25519 signatures are deterministic (RFC 8032), and
 * nothing else that the authority signs begins like that, so only its key gives K: processes and replicas that share the
 * key agree without a further secret to hand around. The same artifact always has the same enrolment token, so a repeated
 * request is answered with the same one. The claims of a session are RFC 8785: {"a":artifact hash,"e":expiry ms,"n":nonce}.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { sha256 } from '#digest';
import { agentId } from '../artifact/enrolment.ts';
import { canonicalize } from '../base/canonical.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import type { Signer } from '../ports.ts';

const claims = z.strictObject({ a: z.string(), e: z.int(), n: z.string() });

export interface SessionClaims {
  /** Hash of the artifact that the bearer acts under. */
  readonly artifact: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

export interface Tokens {
  /** The enrolment token of an artifact. */
  enrolment(artifactHash: string): string;
  /** The public id in a token whose secret is right; null for everything else, without saying what was wrong. */
  readEnrolment(text: string): string | null;
  session(claims: SessionClaims, nonce: string): string;
  /** What a session token of ours says, expired or not; null for everything else. */
  readSession(text: string): SessionClaims | null;
}

const ENROLMENT = /^lt-delegate-([0-9a-f]{32})\.([A-Za-z0-9_-]{43})$/;
const SESSION = /^aga-session-([A-Za-z0-9_-]{1,512})\.([A-Za-z0-9_-]{43})$/;

export function tokensOf(authority: Signer): Tokens {
  const key = sha256(authority.sign(new TextEncoder().encode('aga-token-key/v1')));
  const mac = (purpose: string, text: string): Buffer =>
    createHmac('sha256', key).update(`aga-${purpose}/v1:${text}`).digest();
  const isOurs = (purpose: string, text: string, given: string): boolean => {
    const decoded = fromBase64url(given);
    return decoded?.length === 32 && timingSafeEqual(decoded, mac(purpose, text));
  };
  return {
    enrolment(artifactHash) {
      const id = agentId(artifactHash);
      return `lt-delegate-${id}.${toBase64url(mac('enrolment', id))}`;
    },
    readEnrolment(text) {
      const [, id = '', secret = ''] = ENROLMENT.exec(text) ?? [];
      return isOurs('enrolment', id, secret) ? id : null;
    },
    session({ artifact, expires }, nonce) {
      const body = toBase64url(new TextEncoder().encode(canonicalize({ a: artifact, e: expires, n: nonce })));
      return `aga-session-${body}.${toBase64url(mac('session', body))}`;
    },
    readSession(text) {
      const [, body = '', secret = ''] = SESSION.exec(text) ?? [];
      const bytes = isOurs('session', body, secret) ? fromBase64url(body) : undefined;
      if (!bytes) return null;
      const { a, e } = claims.parse(JSON.parse(new TextDecoder().decode(bytes))); // sealed by ourselves
      return { artifact: a, expires: e };
    },
  };
}
