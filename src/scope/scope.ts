/**
 * A scope: what one artifact permits. Two questions are asked of it, and both answers are lists of reasons, empty for yes:
 * `excess` (is this child contained in that parent) and `denials` (does this scope permit that act).
 */
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Act, Denial, Excess } from './answer.ts';
import { type ArgumentRule, denialOfArguments, parseArgumentRules } from './argument-rules.ts';
import * as table from './capability.ts';
import { invalid, onlyMembers } from './decode.ts';
import { excessOfDuties, meetDuties, parseMeasurements, parseTriggers } from './duty.ts';
import { internValue, knownValue } from './intern.ts';
import { excessOfLimits, type Limits, meetLimits, parseLimits } from './limits.ts';
import {
  denialOfPermission,
  excessOfPermissions,
  meetPermissions,
  nearestPermissions,
  type Permissions,
  parsePermissions,
} from './permissions.ts';
import { excessOfRules, meetRules } from './rule-order.ts';

export type { Act, Denial, Excess } from './answer.ts';
export { type ArgumentRule, parseArgumentRules } from './argument-rules.ts';
export { MEASUREMENTS, parseMeasurements, parseTriggers, TRIGGERS } from './duty.ts';
export { type Limits, parseLimits } from './limits.ts';
export { type Permissions, parsePermissions } from './permissions.ts';

export interface Scope {
  readonly permissions: Permissions;
  readonly argument_rules: readonly ArgumentRule[];
  readonly limits: Limits;
  readonly enforcement_triggers: readonly string[];
  readonly measurement_types: readonly string[];
}

/** The built-in root ceiling: everything but money and delegation. */
export const EVERYTHING: Permissions = table.EVERYTHING;

const MEMBERS: readonly (keyof Scope)[] = [
  'permissions',
  'argument_rules',
  'limits',
  'enforcement_triggers',
  'measurement_types',
];

/** A scope as it was signed: every member, no other, all in normal form. @throws Refusal `INVALID_REQUEST`. */
export function parseScope(value: unknown): Scope {
  const members = onlyMembers(value, 'scope', MEMBERS, true);
  const text = formOf(members);
  // A scope that was parsed before is in normal form, or it would not be known.
  const known = text === undefined ? undefined : knownValue<Scope>(text);
  if (known) return known;
  const scope: Scope = {
    permissions: parsePermissions(members.permissions),
    argument_rules: parseArgumentRules(members.argument_rules),
    limits: parseLimits(members.limits),
    enforcement_triggers: parseTriggers(members.enforcement_triggers),
    measurement_types: parseMeasurements(members.measurement_types),
  };
  if (canonicalize(scope) === text) return internValue(scope, text);
  const wrong = MEMBERS.find((member) => canonicalize(scope[member]) !== canonicalize(members[member]));
  throw invalid(`scope.${wrong} is not in normal form: lists sorted and without duplicates, no trailing zeros`);
}

/** The RFC 8785 form; undefined for what is no JSON, which the parsers refuse by name. */
function formOf(members: object): string | undefined {
  try {
    return canonicalize(members);
  } catch {
    return undefined;
  }
}

const permissionsOf = (scopes: readonly Scope[]): readonly Permissions[] =>
  scopes.map(({ permissions }) => permissions);

/**
 * What of the child its parent does not contain; empty means contained.
 *
 * `ancestors`: the scopes above the parent, in any order. They count only for a capability that is inherited where it is
 * left out (a budget): a child's cap is then judged against the nearest ancestor that has one, and where none has, any
 * cap is an excess.
 */
export function excess(child: Scope, parent: Scope, ...ancestors: readonly Scope[]): readonly Excess[] {
  if (child === parent) return [];
  return [
    ...excessOfPermissions(child.permissions, parent.permissions, permissionsOf(ancestors)),
    ...excessOfRules(child.argument_rules, parent.argument_rules),
    ...excessOfLimits(child.limits, parent.limits),
    ...excessOfDuties('enforcement_triggers', child.enforcement_triggers, parent.enforcement_triggers),
    ...excessOfDuties('measurement_types', child.measurement_types, parent.measurement_types),
  ];
}

/**
 * The scope that permits exactly what both permit.
 *
 * @throws Refusal `LEASE_SUBSET_VIOLATION` where patterns or rules cannot say it.
 */
export function meet(a: Scope, b: Scope): Scope {
  const { permissions, inexpressible } = meetPermissions(a.permissions, b.permissions);
  if (inexpressible.length > 0) {
    const names = inexpressible.join(', ');
    throw new Refusal('LEASE_SUBSET_VIOLATION', `What both scopes permit of ${names} cannot be said in 256 patterns`);
  }
  return {
    permissions,
    argument_rules: meetRules(a.argument_rules, b.argument_rules),
    limits: meetLimits(a.limits, b.limits),
    enforcement_triggers: meetDuties(a.enforcement_triggers, b.enforcement_triggers),
    measurement_types: meetDuties(a.measurement_types, b.measurement_types),
  };
}

/**
 * The largest request of the same shape that would pass: contained patterns stay, others shrink to what the parent has of
 * them where a pattern says that, and are left out where none does. `ancestors` as for `excess`.
 */
export function nearestAllowed(requested: Permissions, parent: Scope, ...ancestors: readonly Scope[]): Permissions {
  return nearestPermissions(requested, parent.permissions, permissionsOf(ancestors));
}

/**
 * Why this scope, alone, does not permit the act; empty means it does. A lineage permits what all its scopes permit.
 *
 * `ancestors`: the scopes above, in any order; without them a capability that is inherited where it is left out permits
 * nothing.
 */
export function denials(scope: Scope, act: Act, ...ancestors: readonly Scope[]): readonly Denial[] {
  const permission = denialOfPermission(scope.permissions, act, ancestors);
  const takes = table.capabilityOf(act.capability)?.arguments;
  const argument = takes ? denialOfArguments(scope.argument_rules, act.resource, act.arguments) : undefined;
  return [permission, argument].filter((denial) => denial !== undefined);
}

/** One shared, frozen object for all equal scopes. */
export const intern = (scope: Scope): Scope => internValue(scope);
