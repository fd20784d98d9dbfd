/** Authorize: does this lineage permit this act, here and now? Every ancestor is asked again at every act. */
import type { Code } from '../base/refusal.ts';
import { type Act, type Denial, denials, type Scope } from '../scope/scope.ts';
import { ended, type Grant, lineage } from './grant.ts';

export interface Verdict {
  readonly code: Code;
  readonly message: string;
  /** The ancestor nearest the root that says no. */
  readonly by: Grant;
}

/** Null: permitted. */
export function authorize(grant: Grant, act: Act, time: number): Verdict | null {
  const over = ended(grant, time);
  if (over) {
    const what = over.code === 'ARTIFACT_REVOKED' ? 'was revoked' : 'has expired';
    return { code: over.code, message: `The artifact of "${over.by.subject}" ${what}.`, by: over.by };
  }
  const line = lineage(grant);
  let asked: Scope | undefined;
  for (const [index, each] of line.entries()) {
    // Neighbours often share one scope; its answer is the same.
    if (each.scope === asked) continue;
    asked = each.scope;
    if (denials(each.scope, act).length === 0) continue;
    // Asked again with what is above it: some capabilities are inherited where they are left out.
    const [no] = denials(each.scope, act, ...line.slice(0, index).map(({ scope }) => scope));
    if (no) return { ...say(no, each), by: each };
  }
  return null;
}

function say(no: Denial, { subject, depth }: Grant): { code: Code; message: string } {
  return { code: no.code, message: `"${subject}" (depth ${depth}): ${no.message}` };
}
