/** An artifact is derived from another: the one way authority travels. */
import * as z from 'zod';
import { open, type Sealed, toJson } from '../../artifact/artifact.ts';
import { breaches } from '../../artifact/lineage.ts';
import { canonicalize, type Json } from '../../base/canonical.ts';
import { parseInstant } from '../../base/instant.ts';
import { Refusal } from '../../base/refusal.ts';
import { oncePerPair } from '../../scope/pair.ts';
import type { Scope } from '../../scope/scope.ts';
import { BUDGET, moneyOf } from '../budget.ts';
import { decodeWith, hash, request } from '../decode.ts';
import { find, refuseHalted, refuseMistimed } from '../find.ts';
import { type Kind, type RequestDigest, uphold, type Wire } from '../kind.ts';
import { refuseOverBudget } from './spend-reserved.ts';

/** What the child was not given of what its parent holds. */
export type ScopeReduction = {
  readonly tools_removed: readonly string[];
  /** `capability pattern`, for every capability but tool.call. */
  readonly permissions_removed: readonly string[];
  readonly triggers_removed: readonly string[];
  readonly measurement_types_removed: readonly string[];
};

const names = z.array(z.string());
const decode = decodeWith(
  z.strictObject({
    kind: z.literal('DELEGATION'),
    sub_agent_id: z.string(),
    parent_artifact_hash: hash,
    child_artifact_hash: hash,
    effective_ttl: z.int(),
    scope_reduction: z.strictObject({
      tools_removed: names,
      permissions_removed: names,
      triggers_removed: names,
      measurement_types_removed: names,
    }),
    permitted_tools: names,
    purpose: z.string(),
    artifact: z.custom<Json>(),
    enroll: z.boolean(),
    request,
  }),
);

export interface Delegation {
  readonly kind: 'DELEGATION';
  readonly sealed: Sealed;
  readonly scope_reduction: ScopeReduction;
  /** Whether a token was minted with it, by which its agent binds a key of its own. */
  readonly enroll: boolean;
  readonly request: RequestDigest | null;
}

export const delegation: Kind<Delegation> = {
  decode(wire) {
    const { kind, artifact, scope_reduction, enroll, request } = decode(wire);
    const event = { kind, sealed: open(artifact), scope_reduction, enroll, request };
    if (said(encode(event)) !== said(wire)) {
      throw new Refusal('INVALID_REQUEST', 'The DELEGATION event says something else than the artifact it carries.');
    }
    return event;
  },
  encode,
  names: ({ sealed }) => [sealed.hash, sealed.artifact.parent ?? ''],
  check(state, { sealed, scope_reduction }, { time }) {
    const { artifact } = sealed;
    const parent = find(state, artifact.parent ?? '');
    refuseHalted(parent, time);
    uphold(breaches(sealed, parent, state.authority ?? ''));
    refuseMistimed(sealed, time);
    if (state.grants.has(sealed.hash)) throw new Refusal('INVALID_REQUEST', 'This artifact is on the chain already.');
    if (parent.liveChildren >= parent.maxChildren) {
      throw new Refusal(
        'FANOUT_EXCEEDED',
        `The parent artifact has ${parent.liveChildren} live children; max_children is ${parent.maxChildren}.`,
        { detail: { max_children: parent.maxChildren, live_children: parent.liveChildren } },
      );
    }
    const asked = artifact.scope.permissions[BUDGET];
    if (asked) refuseOverBudget(parent, moneyOf(asked));
    else if (artifact.terms.budget_mode === 'slice') refuseEmptySlice(artifact.scope);
    const left = reduction(artifact.scope, parent.scope);
    if (scope_reduction !== left && canonicalize(scope_reduction) !== canonicalize(left)) {
      throw new Refusal('INVALID_REQUEST', 'scope_reduction is not the difference between parent and child.');
    }
  },
  evolve(state, { sealed, enroll, request }, { sequence }) {
    state.admit(sealed, sequence, enroll);
    if (request) state.remember(request.key, request.input, sequence);
  },
};

/** Everything but the artifact, which is judged by its own hash. */
const said = ({ artifact: _, ...rest }: Wire): string => canonicalize(rest);

function encode({ kind, sealed, scope_reduction, enroll, request }: Delegation): Wire {
  const { artifact, hash } = sealed;
  return {
    kind,
    sub_agent_id: artifact.subject,
    parent_artifact_hash: artifact.parent,
    child_artifact_hash: hash,
    effective_ttl: effectiveTtl(sealed),
    scope_reduction,
    permitted_tools: artifact.scope.permissions['tool.call'] ?? [],
    purpose: artifact.purpose,
    artifact: toJson(sealed),
    enroll,
    request,
  };
}

/** Throws where a scope names no budget of which there could be a slice. */
export function refuseEmptySlice({ permissions }: Scope): void {
  if (permissions[BUDGET] === undefined) {
    throw new Refusal('INVALID_REQUEST', 'A slice is of amounts: name them in permissions["cost.budget"].');
  }
}

/** Whole seconds that the artifact lives. */
export function effectiveTtl({ artifact }: Sealed): number {
  return Math.floor((parseInstant(artifact.expires_at)! - parseInstant(artifact.issued_at)!) / 1000);
}

/** The parent's entries that the child does not have, as they are written. */
export const reduction = oncePerPair((child: Scope, parent: Scope): ScopeReduction => {
  const gone = (theirs: readonly string[] | undefined, ours: readonly string[] | undefined): readonly string[] => {
    const kept = new Set(ours);
    return Object.freeze((theirs ?? []).filter((entry) => !kept.has(entry)));
  };
  const others = Object.keys(parent.permissions)
    .filter((capability) => capability !== 'tool.call')
    .sort();
  return {
    tools_removed: gone(parent.permissions['tool.call'], child.permissions['tool.call']),
    permissions_removed: others.flatMap((capability) =>
      gone(parent.permissions[capability], child.permissions[capability]).map((pattern) => `${capability} ${pattern}`),
    ),
    triggers_removed: gone(parent.enforcement_triggers, child.enforcement_triggers),
    measurement_types_removed: gone(parent.measurement_types, child.measurement_types),
  };
});
