/** A judged call, and what its caller is told. */
import type { Money } from '../authority/budget.ts';
import type { Question } from '../authority/decide.ts';
import { type Grant, introduced } from '../authority/grant.ts';
import { type Code, Refusal } from '../base/refusal.ts';

export type Mode = Question['mode'];

export interface Verdict {
  /** Null when the call is permitted. */
  readonly code: Code | null;
  readonly message: string;
  /** The ancestor nearest the root that said no. */
  readonly by: Grant | null;
  /** Capability that the artifact lacks for the call, where that is why. */
  readonly lacking: string | null;
  /** What the question itself held against the call, where that is why. */
  readonly barred: Refusal | null;
  /** The grant that was judged; null for an operator without a root. */
  readonly grant: Grant | null;
  /** The money held for the call, where it has a price. */
  readonly held: { readonly reservation: string; readonly money: Money } | null;
  readonly sequence_number: number;
}

/** Refusals that hold in shadow mode too: nobody's authority is left to act under. */
export const TOTAL: ReadonlySet<string> = new Set(['NO_ARTIFACT', 'ARTIFACT_REVOKED', 'LEASE_EXPIRED', 'SUSPENDED']);

/** Why the call must not be made; null when it may, which includes most refusals in shadow mode. */
export function refusalOf({ code, message, by, grant, lacking, barred }: Verdict, mode: Mode): Refusal | null {
  if (code === null || (mode === 'shadow' && !TOTAL.has(code))) return null;
  if (barred) return barred;
  // Only the artifact's own patterns: its ancestors' scopes are not for its holder to see.
  const nearest_allowed =
    grant && lacking !== null ? { permissions: { [lacking]: grant.scope.permissions[lacking] ?? [] } } : null;
  return new Refusal(code, message, { detail: { refused_by: by && introduced(by), nearest_allowed } });
}
