/** A session: a bearer token for one artifact, for an hour at most and never longer than the artifact lives. */
import type { Grant } from '../../authority/grant.ts';
import { formatInstant } from '../../base/instant.ts';
import type { Site } from './site.ts';

/** Milliseconds. */
const LONGEST = 3600_000;

export interface OpenSession {
  readonly sessionToken: string;
  readonly sessionExpiresAt: string;
}

export function openSession({ hash, expires: end }: Grant, { tokens, nonce, clock }: Site): OpenSession {
  const expires = Math.min(clock() + LONGEST, end);
  return {
    sessionToken: tokens.session({ artifact: hash, expires }, nonce()),
    sessionExpiresAt: formatInstant(expires),
  };
}
