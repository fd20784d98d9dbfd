/** Finding a grant, and refusing what has ended: the two questions nearly every rule begins with. */
import type { Sealed } from '../artifact/artifact.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { type Ended, ended, type Grant } from './grant.ts';
import type { State } from './state.ts';

/** The same words for a foreign and for an unknown hash, so that nobody learns which it was. */
export function notFound(): Refusal {
  return new Refusal('ARTIFACT_NOT_FOUND', 'No such artifact is known to this session.');
}

export function find(state: State, hash: string): Grant {
  const grant = state.grants.get(hash);
  if (!grant) throw notFound();
  return grant;
}

export function refuseEnded(grant: Grant, time: number): void {
  const over = ended(grant, time);
  if (over) throw endedRefusal(grant, over);
}

export function endedRefusal(grant: Grant, { code, by }: Ended): Refusal {
  const whose = by === grant ? 'The artifact' : `An ancestor of the artifact ("${by.subject}", depth ${by.depth})`;
  const message = code === 'ARTIFACT_REVOKED' ? `${whose} was revoked.` : `${whose} has expired.`;
  return new Refusal(code, message, {
    detail: { refused_by: { artifact_hash: by.hash, subject: by.subject, depth: by.depth } },
  });
}

/** Clocks of several machines may differ by this much, in milliseconds. */
const SKEW = 5 * 60_000;

/** An artifact enters the chain alive, and not before it was issued. */
export function refuseMistimed({ artifact }: Sealed, time: number): void {
  if (parseInstant(artifact.expires_at)! <= time) throw new Refusal('LEASE_EXPIRED', 'The artifact has expired.');
  if (parseInstant(artifact.issued_at)! > time + SKEW) {
    throw new Refusal('INVALID_REQUEST', 'The artifact is issued in the future.');
  }
}
