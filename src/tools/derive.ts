/** Derives a child artifact: the one way in which tools narrow, sign and account for what they hand on. */
import { type Binding, type Sealed, seal } from '../artifact/artifact.ts';
import { deeper, scopesAbove, weaker } from '../artifact/lineage.ts';
import { BUDGET } from '../authority/budget.ts';
import { reduction, refuseEmptySlice, type ScopeReduction } from '../authority/event/delegation.ts';
import { type Grant, introduced, lineage } from '../authority/grant.ts';
import { uphold } from '../authority/kind.ts';
import { toDidKey } from '../base/did-key.ts';
import { formatInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import type { Scope } from '../scope/scope.ts';
import { offering, refusalOf } from './offering.ts';
import { childScope, type RequestedScope, refuseOver } from './requested-scope.ts';
import type { Context, Policy } from './tool.ts';

export interface Wanted extends RequestedScope {
  readonly subject: string;
  readonly purpose: string;
  /** Seconds; clamped to the parent's remaining life. */
  readonly ttl: number;
  readonly holder?: string | undefined;
  readonly min_binding?: Binding | undefined;
  readonly max_depth?: number | undefined;
  readonly max_children?: number | undefined;
  readonly budget_mode?: 'slice' | 'pool' | undefined;
}

const MAX_CHILDREN = 32;

/** Signs what was asked for; whether the parent holds it is for the law to say. Throws where the request says no scope. */
export function derive(
  parent: Grant,
  wanted: Wanted,
  context: Context,
): { readonly sealed: Sealed; readonly scope_reduction: ScopeReduction } {
  const { state, now, authority, policy } = context;
  const scope = judged(wanted, parent, policy);
  const mayGoOn = (scope.permissions['agent.delegate'] ?? []).length > 0;
  const sealed = seal(
    {
      authority: state.authority ?? toDidKey(authority.publicKey),
      parent: parent.hash,
      depth: parent.depth + 1,
      holder: wanted.holder ?? null,
      subject: wanted.subject,
      purpose: wanted.purpose,
      nonce: context.nonce(),
      issued_at: formatInstant(now),
      expires_at: formatInstant(Math.min(now + wanted.ttl * 1000, parent.expires)),
      scope,
      terms: {
        preset: wanted.policy_preset ?? null,
        min_binding: wanted.min_binding ?? parent.minBinding,
        budget_mode: wanted.budget_mode ?? usualMode(wanted, scope, parent),
      },
      delegation: {
        max_depth: wanted.max_depth ?? (mayGoOn ? parent.maxDepth - 1 : 0),
        max_children: wanted.max_children ?? MAX_CHILDREN,
      },
    },
    authority,
  );
  return { sealed, scope_reduction: reduction(scope, parent.scope) };
}

/** What was asked for. Throws what would pass instead, and which ancestor, the nearest to the root, would refuse it too. */
function judged(wanted: Wanted, parent: Grant, policy: Policy): Scope {
  try {
    return offering(wanted, (asked) => scopeOf(asked, parent, policy));
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'LEASE_SUBSET_VIOLATION') throw error;
    const refuses = (ancestor: Grant): boolean => {
      const no = refusalOf(() => scopeOf(wanted, ancestor, policy));
      return no instanceof Refusal && no.code === error.code;
    };
    const refused_by = introduced(lineage(parent).find(refuses) ?? parent);
    const detail = { ...(error.detail as object | null), refused_by }; // our own refusal
    throw new Refusal(error.code, error.message, { hint: error.hint, detail });
  }
}

/** The law asks all this too; only here is known with which members it was asked for. */
function scopeOf(wanted: Wanted, parent: Grant, policy: Policy): Scope {
  const scope = childScope(wanted, parent, policy);
  const { max_depth = 0, min_binding = parent.minBinding, budget_mode } = wanted;
  uphold(deeper(max_depth, parent));
  if (budget_mode === 'slice') refuseEmptySlice(scope);
  const [own, ...above] = scopesAbove(parent);
  refuseOver(wanted, scope, { within: own, above, parent });
  uphold(weaker(min_binding, parent));
  return scope;
}

/** A budget asked for by name is set aside; one that is inherited is shared. Null where there is none. */
function usualMode({ permissions }: Wanted, scope: Scope, parent: Grant): 'slice' | 'pool' | null {
  if (permissions?.[BUDGET] !== undefined) return 'slice';
  const budgeted = [scope, ...lineage(parent).map((each) => each.scope)];
  return budgeted.some((each) => each.permissions[BUDGET] !== undefined) ? 'pool' : null;
}

/** The value given under the newer or the older name of a parameter. */
export function eitherName<T extends { readonly [name: string]: unknown }, K extends keyof T>(
  input: T,
  newer: K,
  older: K,
): T[K] | undefined {
  if (input[newer] !== undefined && input[older] !== undefined && input[newer] !== input[older]) {
    throw new Refusal(
      'INVALID_REQUEST',
      `${String(newer)} and its older name ${String(older)} differ; give one of them.`,
    );
  }
  return input[newer] ?? input[older];
}
