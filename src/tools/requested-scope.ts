/** The scope that a request asks for: its own words, what it leaves out, and the ceilings above it. */
import { overBreach, scopesAbove } from '../artifact/lineage.ts';
import type { Grant } from '../authority/grant.ts';
import { uphold } from '../authority/kind.ts';
import { Refusal } from '../base/refusal.ts';
import { meetLimits } from '../scope/limits.ts';
import { applyPreset, type Ceiling, compare, type Presets, presetOf } from '../scope/preset.ts';
import { meetRules } from '../scope/rule-order.ts';
import {
  type ArgumentRule,
  EVERYTHING,
  intern,
  type Permissions,
  parseArgumentRules,
  parseLimits,
  parseMeasurements,
  parseTriggers,
  type Scope,
} from '../scope/scope.ts';
import { type Requested, requestedPermissions, without } from './permissions.ts';
import type { Policy } from './tool.ts';

export interface RequestedScope extends Requested {
  readonly argument_rules?: unknown;
  readonly limits?: unknown;
  readonly policy_preset?: string | undefined;
  readonly enforcement_triggers?: readonly string[] | undefined;
  readonly measurement_types?: readonly string[] | undefined;
}

/** A root may delegate to every agent unless its creator, a preset or the ceiling says otherwise. */
const EVERY_AGENT: Permissions = { 'agent.delegate': ['*', '*@*'] };

/** What a root asks for, within the ceiling of all roots. Throws `LEASE_SUBSET_VIOLATION`. */
export function rootScope(request: RequestedScope, { presets, rootCeiling, rootLimits }: Policy): Scope {
  const input = { ...request, limits: request.limits ?? rootLimits };
  const top = ceilingScope(input, rootCeiling);
  const ceiling = input.policy_preset === undefined ? top : applyPreset(input.policy_preset, top, presets);
  const asked = requestedPermissions(input);
  const delegating = input.policy_preset === undefined && {
    'agent.delegate': ceiling.permissions['agent.delegate'] ?? [],
  };
  const scope = bounded(input, asked ? { ...delegating, ...asked } : ceiling.permissions, ceiling);
  if (asked && (rootCeiling || input.policy_preset !== undefined)) refuseOver(scope, ceiling);
  return intern(scope);
}

/** What a child asks for, within its preset; whether its parent has it is the law's question. */
export function childScope(input: RequestedScope, parent: Grant, { presets }: Policy): Scope {
  const { policy_preset: preset } = input;
  const asked = requestedPermissions(input);
  const exact = input.permissions ? asked : null;
  if (preset === undefined) {
    const inherited = without(parent.scope.permissions, 'agent.delegate', 'cost.budget');
    return intern(bounded(input, exact ?? { ...inherited, ...asked }, { ...parent.scope, limits: {} }, []));
  }
  refuseWiderPreset(preset, parent, presets);
  const [own, ...above] = scopesAbove(parent);
  const ceiling = applyPreset(preset, own, presets, ...above);
  const scope = bounded(input, exact ?? { ...ceiling.permissions, ...asked }, ceiling);
  if (asked) refuseOver(scope, ceiling, own, ...above);
  return intern(scope);
}

/** The request's own rules, limits and duties, or the ceiling's; its rules and limits never replace those of a ceiling. */
function bounded(
  input: RequestedScope,
  permissions: Permissions,
  ceiling: Scope,
  kept: readonly ArgumentRule[] = ceiling.argument_rules,
): Scope {
  const { argument_rules: rules, enforcement_triggers: triggers, measurement_types: measurements } = input;
  return {
    permissions,
    argument_rules: rules === undefined ? ceiling.argument_rules : meetRules(parseArgumentRules(rules), kept),
    limits: meetLimits(parseLimits(input.limits ?? {}), ceiling.limits),
    enforcement_triggers: triggers ? parseTriggers(triggers) : ceiling.enforcement_triggers,
    measurement_types: measurements ? parseMeasurements(measurements) : ceiling.measurement_types,
  };
}

function ceilingScope(input: RequestedScope, ceiling: Ceiling | null): Scope {
  const permissions = ceiling?.permissions ?? EVERYTHING;
  return {
    permissions: { ...EVERY_AGENT, ...permissions },
    argument_rules: ceiling?.argument_rules ?? [],
    limits: ceiling?.limits ?? {},
    enforcement_triggers: parseTriggers(input.enforcement_triggers ?? ['ALERT_ONLY']),
    measurement_types: parseMeasurements(input.measurement_types ?? []),
  };
}

function refuseOver(scope: Scope, ceiling: Scope, ...above: readonly Scope[]): void {
  const over = overBreach(scope, ceiling, above);
  if (over) uphold([over]);
}

/** Whoever is under a preset hands on that preset or a narrower one. */
function refuseWiderPreset(preset: string, parent: Grant, presets: Presets): void {
  presetOf(preset, presets);
  for (let at: Grant | null = parent; at; at = at.parent) {
    if (at.preset === null) continue;
    const order = presets.has(at.preset) ? compare(preset, at.preset, presets) : 'unordered';
    if (order === 'equal' || order === 'narrower') continue;
    const message = `"${at.subject}" is under the preset "${at.preset}"; "${preset}" is not narrower than that.`;
    throw new Refusal('LEASE_SUBSET_VIOLATION', message, {
      detail: {
        excess: [{ capability: 'policy_preset', pattern: preset, parent: [at.preset] }],
        nearest_allowed: { policy_preset: at.preset },
      },
    });
  }
}
