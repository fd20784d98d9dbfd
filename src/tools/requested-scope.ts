/** The scope that a request asks for: its own words, what it leaves out, and the ceilings above it. */
import { overBreach, scopesAbove, type Wording } from '../artifact/lineage.ts';
import { available } from '../authority/authorize.ts';
import { BUDGET } from '../authority/budget.ts';
import { type Grant, lineage } from '../authority/grant.ts';
import { uphold } from '../authority/kind.ts';
import { Refusal } from '../base/refusal.ts';
import { meetLimits } from '../scope/limits.ts';
import { meetPermissions } from '../scope/permissions.ts';
import { applyPreset, applyPresetToRoot, type Ceiling, compare, type Presets, presetOf } from '../scope/preset.ts';
import { meetRules } from '../scope/rule-order.ts';
import {
  type ArgumentRule,
  EVERYTHING,
  excess,
  intern,
  type Permissions,
  parseArgumentRules,
  parseLimits,
  parseMeasurements,
  parseTriggers,
  type Scope,
} from '../scope/scope.ts';
import { refuseListedNames } from './listed-names.ts';
import { offering } from './offering.ts';
import { type Requested, requestedPermissions, without } from './permissions.ts';
import type { Policy } from './tool.ts';

export interface RequestedScope extends Requested {
  readonly argument_rules?: unknown;
  readonly limits?: unknown;
  readonly policy_preset?: string | undefined;
  readonly enforcement_triggers?: readonly string[] | undefined;
  readonly measurement_types?: readonly string[] | undefined;
  readonly budget_mode?: 'slice' | 'pool' | undefined;
}

/** A root may delegate to every agent unless its creator, a preset or the ceiling says otherwise. */
const EVERY_AGENT: Permissions = { 'agent.delegate': ['*', '*@*'] };

/** What a root asks for, within the ceiling of all roots. Throws `LEASE_SUBSET_VIOLATION`. */
export const rootScope = (request: RequestedScope, policy: Policy): Scope =>
  offering(request, (asked) => rootScopeOf(asked, policy));

function rootScopeOf(request: RequestedScope, { presets, rootCeiling, rootLimits, behind }: Policy): Scope {
  const { policy_preset: preset } = request;
  refuseListedNames(request, behind);
  const top = ceilingScope(request, rootCeiling);
  const ceiling = preset === undefined ? top : applyPresetToRoot(preset, top, presets);
  // Those that nobody has asked for give way; those that were asked for are refused.
  const input = { ...request, limits: request.limits ?? meetLimits(rootLimits, ceiling.limits) };
  const asked = requestedPermissions(input);
  const scope = bounded(input, asked ? { ...delegating(ceiling), ...asked } : ceiling.permissions, ceiling);
  if (rootCeiling || preset !== undefined)
    refuseOver(request, scope, {
      within: ceiling,
      wording: {
        opening: 'The artifact would hold more than its preset or the root_ceiling of the configuration allows',
        has: 'allowed is',
      },
    });
  return intern(scope);
}

/** What a child asks for, within its preset; whether its parent has it is the law's question. */
export function childScope(input: RequestedScope, parent: Grant, { presets, behind }: Policy): Scope {
  const { policy_preset: preset } = input;
  refuseListedNames(input, behind);
  const asked = requestedPermissions(input);
  const exact = input.permissions ? asked : null;
  if (preset === undefined) {
    const inherited = without(parent.scope.permissions, 'agent.delegate', 'cost.budget');
    return intern(bounded(input, exact ?? { ...inherited, ...asked }, { ...parent.scope, limits: {} }, []));
  }
  refuseWiderPreset(preset, parent, presets);
  const [own, ...above] = scopesAbove(parent);
  const ceiling = applyPreset(preset, own, presets, ...above);
  const unasked = exact ? delegating(ceiling) : ceiling.permissions;
  const permissions = { ...unasked, ...budgeted(ceiling, parent), ...asked };
  const scope = bounded(input, permissions, ceiling);
  const wording = {
    opening: `The child would hold more than the preset "${preset}" leaves of its parent`,
    has: 'it leaves',
  };
  refuseOver(input, scope, { within: ceiling, above: [own, ...above], parent, wording });
  return intern(scope);
}

interface Bounds {
  readonly within: Scope;
  readonly above?: readonly Scope[];
  /** Who would set a budget aside, and may have spent some of it. */
  readonly parent?: Grant;
  readonly wording?: Wording;
}

/** Throws where the scope is wider than one it must stay within; what would pass is said with the members of the request. */
export function refuseOver(request: RequestedScope, scope: Scope, bounds: Bounds): void {
  const { within, above = [], parent, wording } = bounds;
  const offer = (nearest: Permissions) =>
    nearestRequest(request, scope, within, parent ? affordable(nearest, parent) : nearest);
  const over = overBreach(scope, within, above, offer, wording);
  if (over) uphold([over]);
}

/** The same, with no more money than the parent has left; where it has none, nothing is said of money. */
function affordable({ [BUDGET]: asked, ...others }: Permissions, parent: Grant): Permissions {
  if (asked === undefined) return others;
  const left = leftOf(asked, parent);
  return left.length > 0 || asked.length === 0 ? { ...others, [BUDGET]: left } : others;
}

/** The budget of a preset. It also binds requests that name other permissions, because an omitted budget would be inherited. */
function budgeted({ permissions: { [BUDGET]: cap } }: Scope, parent: Grant): Permissions {
  return cap ? { [BUDGET]: leftOf(cap, parent) } : {};
}

/** No more of each currency than the parent has left. */
function leftOf(money: readonly string[], parent: Grant): readonly string[] {
  return meetPermissions({ [BUDGET]: money }, { [BUDGET]: available(parent, BUDGET) }).permissions[BUDGET] ?? [];
}

function nearestRequest(request: RequestedScope, scope: Scope, within: Scope, nearest: Permissions): object {
  const { permissions, permitted_tools, argument_rules, limits } = request;
  const { enforcement_triggers: triggers, measurement_types: measurements } = request;
  const named = Object.entries(nearest).filter(([name]) => Object.hasOwn(permissions ?? {}, name));
  const limited = Object.entries(meetLimits(scope.limits, within.limits));
  const unbudgeted = scope.permissions[BUDGET] !== undefined && nearest[BUDGET] === undefined;
  return {
    ...(permissions && { permissions: Object.fromEntries(named) }),
    ...(unbudgeted && request.budget_mode === 'slice' && { budget_mode: 'pool' }),
    ...(permitted_tools && { permitted_tools: nearest['tool.call'] ?? [] }),
    ...(argument_rules !== undefined && { argument_rules: nearestRules(scope, within) }),
    ...(limits !== undefined && {
      limits: Object.fromEntries(limited.filter(([name]) => Object.hasOwn(limits as object, name))), // parsed before
    }),
    ...(triggers && { enforcement_triggers: within.enforcement_triggers.filter((name) => triggers.includes(name)) }),
    ...(measurements && {
      measurement_types: within.measurement_types.filter((name) => measurements.includes(name)),
    }),
  };
}

/** What both lists permit where rules can say it, else the list that is there already. */
function nearestRules(scope: Scope, within: Scope): readonly ArgumentRule[] {
  try {
    const met = meetRules(scope.argument_rules, within.argument_rules);
    if (excess({ ...within, argument_rules: met }, within).length === 0) return met;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return within.argument_rules;
}

/** The request's own rules, limits and duties, or the ceiling's; its rules never replace those of a ceiling. */
function bounded(
  input: RequestedScope,
  permissions: Permissions,
  ceiling: Scope,
  kept: readonly ArgumentRule[] = ceiling.argument_rules,
): Scope {
  const { argument_rules: rules, enforcement_triggers: triggers, measurement_types: measurements } = input;
  return {
    permissions: Object.fromEntries(Object.entries(permissions).sort(([a], [b]) => (a < b ? -1 : 1))),
    argument_rules: rules === undefined ? ceiling.argument_rules : metRules(parseArgumentRules(rules), kept),
    limits: { ...ceiling.limits, ...parseLimits(input.limits ?? {}) },
    enforcement_triggers: triggers ? parseTriggers(triggers) : ceiling.enforcement_triggers,
    measurement_types: measurements ? parseMeasurements(measurements) : ceiling.measurement_types,
  };
}

/** What both permit; where rules cannot say it, what is there already is offered. */
function metRules(asked: readonly ArgumentRule[], kept: readonly ArgumentRule[]): readonly ArgumentRule[] {
  try {
    return meetRules(asked, kept);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const detail = { ...(error.detail as object), nearest_allowed: { argument_rules: kept } }; // our own refusal
    throw new Refusal(error.code, error.message, { detail });
  }
}

function ceilingScope(input: RequestedScope, ceiling: Ceiling | null): Scope {
  // Without a ceiling a root holds what else its creator names: money, and what vendors name.
  const permissions = ceiling?.permissions ?? { ...requestedPermissions(input), ...EVERYTHING, ...EVERY_AGENT };
  return {
    permissions: { ...EVERY_AGENT, ...permissions },
    argument_rules: ceiling?.argument_rules ?? [],
    limits: ceiling?.limits ?? {},
    enforcement_triggers: parseTriggers(input.enforcement_triggers ?? ['ALERT_ONLY']),
    measurement_types: parseMeasurements(input.measurement_types ?? []),
  };
}

/** The right to delegate that a root has, or that a preset was asked for: it need not be named again. */
function delegating({ permissions }: Scope): Permissions {
  const agents = permissions['agent.delegate'] ?? [];
  return agents.length > 0 ? { 'agent.delegate': agents } : {};
}

/** `preset`, or where the presets above do not reach so far the widest that is narrower than all of them. */
export function atMost(preset: string, parent: Grant, presets: Presets): string {
  const above = lineage(parent).flatMap(({ preset }) => preset ?? []);
  const fits = (name: string, bounds: readonly string[]) => bounds.every((each) => isWithin(name, each, presets));
  if (fits(preset, above)) return preset;
  const candidates = [...presets.keys()].filter((name) => fits(name, [preset, ...above]));
  const isWidest = (name: string) => !candidates.some((other) => compare(name, other, presets) === 'narrower');
  return candidates.find(isWidest) ?? preset;
}

/** A preset that has left the configuration bounds everything. */
function isWithin(preset: string, bound: string, presets: Presets): boolean {
  const order = presets.has(bound) ? compare(preset, bound, presets) : 'unordered';
  return order === 'equal' || order === 'narrower';
}

/** An artifact under a preset can only delegate under that preset or a narrower one. */
function refuseWiderPreset(preset: string, parent: Grant, presets: Presets): void {
  presetOf(preset, presets);
  for (let at: Grant | null = parent; at; at = at.parent) {
    if (at.preset === null || isWithin(preset, at.preset, presets)) continue;
    const message = `"${at.subject}" is under the preset "${at.preset}"; "${preset}" is not narrower than that.`;
    const excess = [{ capability: 'policy_preset', pattern: preset, parent: [at.preset] }];
    if (presets.has(at.preset)) {
      const detail = { excess, nearest_allowed: { policy_preset: at.preset } };
      throw new Refusal('LEASE_SUBSET_VIOLATION', message, { detail });
    }
    const hint = 'That preset is no longer configured: omit policy_preset, and name permissions.';
    throw new Refusal('LEASE_SUBSET_VIOLATION', message, { detail: { excess }, hint });
  }
}
