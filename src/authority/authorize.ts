/** Authorize: does this lineage permit this act, here and now? Every ancestor is asked again at every act. */
import type { Code } from '../base/refusal.ts';
import { type Act, type Denial, denials, type Scope } from '../scope/scope.ts';
import { amountsOf, BUDGET, budgetLeft, moneyOf, overBudget } from './budget.ts';
import { sayHalted } from './find.ts';
import { type Grant, halted, lineage } from './grant.ts';

export interface Verdict {
  readonly code: Code;
  readonly message: string;
  /** The ancestor nearest the root that says no. */
  readonly by: Grant;
}

/** Null: permitted. */
export function authorize(grant: Grant, act: Act, time: number): Verdict | null {
  const over = halted(grant, time);
  if (over) return { code: over.code, message: sayHalted(grant, over), by: over.by };
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
  return STANDING[act.capability]?.no(line, act.resource) ?? null;
}

/** What the artifact holds of a capability at this moment: its own patterns, or less. */
export function available(grant: Grant, capability: string): readonly string[] {
  return STANDING[capability]?.left(grant) ?? grant.scope.permissions[capability] ?? [];
}

interface Standing {
  readonly no: (line: readonly Grant[], resource: string) => Verdict | null;
  /** Undefined where the scope says it all. */
  readonly left: (grant: Grant) => readonly string[] | undefined;
}

/** What a capability asks besides the scopes: how things stand now. */
const STANDING: { readonly [capability: string]: Standing } = {
  // NETWORK_ISOLATE takes it away.
  'net.fetch': { no: isolation, left: (grant) => (isolation(lineage(grant)) ? [] : undefined) },
  [BUDGET]: {
    no: (line, amount) => overBudget(line.at(-1)!, moneyOf([amount])),
    left: (grant) => amountsOf(new Map([...budgetLeft(grant)].filter(([, units]) => units > 0n))),
  },
};

function isolation(line: readonly Grant[]): Verdict | null {
  const by = line.find(({ restraint }) => restraint?.isolated);
  if (!by) return null;
  return { code: 'PERMISSION_DENIED', message: `The subtree of "${by.subject}" is isolated from the network.`, by };
}

function say(no: Denial, { subject, depth }: Grant): { code: Code; message: string } {
  return { code: no.code, message: `"${subject}" (depth ${depth}): ${no.message}` };
}
