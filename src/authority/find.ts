/** Finding a grant, and refusing what has ended: the two questions nearly every rule begins with. */
import type { Sealed } from '../artifact/artifact.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { type Grant, type Halted, halted, introduced } from './grant.ts';
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

/** Throws `ARTIFACT_REVOKED`, `LEASE_EXPIRED` or `SUSPENDED` where the lineage permits nothing now. */
export function refuseHalted(grant: Grant, time: number): void {
  const over = halted(grant, time);
  if (over) throw haltedRefusal(grant, over);
}

const STATES = {
  ARTIFACT_REVOKED: 'was revoked',
  LEASE_EXPIRED: 'has expired',
  SUSPENDED: 'is suspended',
} as const satisfies { [code in Halted['code']]: string };

/** What happened to a halted lineage, in words. */
export function sayHalted(grant: Grant, { code, by }: Halted): string {
  const whose = by === grant ? 'The artifact' : `An ancestor of the artifact ("${by.subject}", depth ${by.depth})`;
  return `${whose} ${STATES[code]}.`;
}

export function haltedRefusal(grant: Grant, over: Halted): Refusal {
  return new Refusal(over.code, sayHalted(grant, over), { detail: { refused_by: introduced(over.by) } });
}

/** An artifact for such a key would be revoked as it enters the chain. */
export function refuseBanned({ banned }: State, holder: string | null | undefined): void {
  if (banned.has(holder ?? '')) throw new Refusal('PERMISSION_DENIED', 'This key was banned from every lineage.');
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
