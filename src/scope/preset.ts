/**
 * Presets: named ceilings that a parent's scope is intersected with, so that none can give more than the parent has.
 *
 * Built in, from narrow to wide: `isolated`, `sandboxed`, `coordinator`. An operator's own ones come from the
 * configuration; all are ordered by containment, and two may be unordered.
 */
import { Refusal } from '../base/refusal.ts';
import type { Excess } from './answer.ts';
import { type ArgumentRule, parseArgumentRules } from './argument-rules.ts';
import { capabilityOf } from './capability.ts';
import { invalid, membersOf, onlyMembers } from './decode.ts';
import { type Limits, meetLimits, parseLimits } from './limits.ts';
import { meetPermissions, nearestPermissions, type Permissions, parsePermissions } from './permissions.ts';
import { meetRules } from './rule-order.ts';
import { EVERYTHING, excess, type Scope } from './scope.ts';

/** What a preset, or the ceiling of all roots, lets through at most. */
export interface Ceiling {
  readonly permissions: Permissions;
  readonly limits: Limits;
  readonly argument_rules: readonly ArgumentRule[];
  /** Also what it does not list: everything its parent has. */
  readonly all?: true;
}

export type Presets = ReadonlyMap<string, Ceiling>;

const built = (permissions: Permissions): Ceiling => ({ permissions, limits: {}, argument_rules: [] });

const everythingOf = (...capabilities: readonly string[]): Permissions =>
  Object.fromEntries(capabilities.map((capability) => [capability, EVERYTHING[capability]!]));

const NARROWEST = 'isolated';

export const BUILT_IN: Presets = new Map([
  // A budget that is left out is inherited: to permit no spending, it has to be there and empty.
  [NARROWEST, built({ 'cost.budget': [] })],
  ['sandboxed', built(everythingOf('fs.read', 'model.use', 'net.fetch', 'tool.call'))],
  ['coordinator', { ...built({ ...EVERYTHING, 'agent.delegate': ['*', '*@*'] }), all: true }],
]);

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** The built-in presets and the configured ones: name → ceiling. @throws Refusal `INVALID_REQUEST` naming the member. */
export function parsePresets(value: unknown): Presets {
  const table = new Map(BUILT_IN);
  for (const [name, ceiling] of Object.entries(membersOf(value, 'presets'))) {
    const owner = `presets.${name}`;
    if (!NAME.test(name)) throw invalid(`presets: ${JSON.stringify(name.slice(0, 64))} is not a name for a preset`);
    if (BUILT_IN.has(name)) throw invalid(`${owner} is built in and cannot be redefined`);
    table.set(name, parseCeiling(ceiling, owner));
  }
  return table;
}

/** `{ "permissions", "limits"?, "argument_rules"? }`. @throws Refusal `INVALID_REQUEST` naming the member. */
export function parseCeiling(value: unknown, owner: string): Ceiling {
  const members = onlyMembers(value, owner, ['permissions', 'limits', 'argument_rules'], false);
  const { permissions, limits = {}, argument_rules: rules = [] } = members;
  if (permissions === undefined) throw invalid(`${owner} lacks the member permissions`);
  try {
    return {
      permissions: parsePermissions(permissions),
      limits: parseLimits(limits),
      argument_rules: parseArgumentRules(rules),
    };
  } catch (thrown) {
    throw thrown instanceof Refusal ? invalid(`${owner}: ${thrown.message}`) : thrown;
  }
}

export function presetOf(name: string, table: Presets): Ceiling {
  const preset = table.get(name);
  if (preset) return preset;
  throw invalid(`${JSON.stringify(name.slice(0, 64))} is not a preset; known: ${[...table.keys()].join(', ')}`);
}

/**
 * The widest scope of a child under this preset: the parent's permissions within the ceiling, the ceiling's limits and
 * argument rules within the parent's (which apply by themselves), all duties of the parent.
 *
 * @throws Refusal `INVALID_REQUEST` on an unknown name, `LEASE_SUBSET_VIOLATION` where patterns or rules cannot say it.
 */
export function applyPreset(name: string, parent: Scope, table: Presets, ...ancestors: readonly Scope[]): Scope {
  const ceiling = presetOf(name, table);
  const { permissions, argument_rules: rules, limits } = within(name, ceiling, parent);
  const plain = Object.entries(permissions).filter(([capability]) => !capabilityOf(capability)?.inherited);
  const kept = [...plain, ...inheritedOf(ceiling, [parent, ...ancestors])].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...parent, permissions: Object.fromEntries(kept), argument_rules: rules, limits };
}

/** The same for a root, within the ceiling of all roots: nothing above it applies by itself, or is inherited. */
export function applyPresetToRoot(name: string, top: Scope, table: Presets): Scope {
  const scope = applyPreset(name, top, table);
  const inherited = Object.entries(top.permissions).filter(([capability]) => capabilityOf(capability)?.inherited);
  return {
    ...scope,
    permissions: { ...Object.fromEntries(inherited), ...scope.permissions },
    argument_rules: rulesWithin(name, scope.argument_rules, top.argument_rules),
    limits: meetLimits(scope.limits, top.limits),
  };
}

/**
 * A budget that the ceiling leaves out stays inherited. One that it names is cut to the nearest one above, down to an
 * empty list; where there is none above, there is nothing to cut.
 */
function inheritedOf(ceiling: Ceiling, above: readonly Scope[]): readonly (readonly [string, readonly string[]])[] {
  const lists = above.map(({ permissions }) => permissions);
  return Object.keys(ceiling.permissions)
    .filter((name) => capabilityOf(name)?.inherited && lists.some((list) => list[name] !== undefined))
    .map((name) => [name, nearestPermissions(ceiling.permissions, lists[0] ?? {}, lists.slice(1))[name] ?? []]);
}

function within(name: string, ceiling: Ceiling, parent: Scope): Omit<Ceiling, 'all'> {
  const { permissions, inexpressible } = meetPermissions(ceiling.permissions, parent.permissions);
  if (inexpressible.length > 0 && !ceiling.all) {
    const message = `What it leaves of ${inexpressible.join(', ')} cannot be said in 256 patterns`;
    const lists = inexpressible.map((capability) => ({ capability, parent: parent.permissions[capability] ?? [] }));
    throw inapplicable(
      name,
      message,
      lists.map((list) => ({ ...list, pattern: `of the preset "${name}"` })),
    );
  }
  const limits = Object.entries(meetLimits(ceiling.limits, parent.limits));
  const bound = new Set(ceiling.argument_rules.map(({ tool }) => tool));
  const ruled = parent.argument_rules.filter(({ tool }) => bound.has(tool));
  return {
    permissions: ceiling.all ? parent.permissions : permissions,
    argument_rules: rulesWithin(name, ceiling.argument_rules, ruled),
    limits: Object.fromEntries(limits.filter(([limit]) => limit in ceiling.limits)),
  };
}

function rulesWithin(
  name: string,
  own: readonly ArgumentRule[],
  above: readonly ArgumentRule[],
): readonly ArgumentRule[] {
  try {
    return meetRules(own, above);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw inapplicable(name, error.message, (error.detail as { excess: readonly Excess[] }).excess); // of the rules' own refusal
  }
}

/** Under a parent as it is; the narrowest preset can be had under every parent. */
function inapplicable(name: string, why: string, excess: readonly Excess[]): Refusal {
  const detail = { excess, nearest_allowed: { policy_preset: NARROWEST } };
  return new Refusal('LEASE_SUBSET_VIOLATION', `The preset "${name}" does not fit what is above. ${why}`, { detail });
}

export type Order = 'equal' | 'narrower' | 'wider' | 'unordered';

/** How the preset `a` stands to the preset `b`. @throws Refusal `INVALID_REQUEST` on an unknown name. */
export function compare(a: string, b: string, table: Presets): Order {
  const [one, other] = [presetOf(a, table), presetOf(b, table)];
  const [down, up] = [contains(other, one), contains(one, other)];
  if (down && up) return 'equal';
  return down ? 'narrower' : up ? 'wider' : 'unordered';
}

/** As ceilings, so whatever the wider one restricts the narrower one must restrict by itself, where it permits that at all. */
function contains(wider: Ceiling, narrower: Ceiling): boolean {
  if (wider.all) return true;
  if (narrower.all) return false;
  const calls = Object.entries(narrower.permissions).some(
    ([name, list]) => list.length > 0 && capabilityOf(name)?.arguments,
  );
  const limited = !calls || Object.keys(wider.limits).every((limit) => limit in narrower.limits);
  const ruled =
    !calls || wider.argument_rules.every(({ tool }) => narrower.argument_rules.some((rule) => rule.tool === tool));
  // What is inherited where it is left out is wider left out than with any list.
  const inherited = Object.keys({ ...wider.permissions, ...narrower.permissions }).filter(
    (name) => capabilityOf(name)?.inherited,
  );
  const named = inherited.every((name) => !(name in wider.permissions) || name in narrower.permissions);
  const beyond = excess(asScope(narrower), asScope(wider));
  const open = inherited.filter((name) => !(name in wider.permissions));
  return limited && ruled && named && beyond.every(({ capability }) => open.includes(capability));
}

const asScope = ({ permissions, limits, argument_rules: rules }: Ceiling): Scope => ({
  permissions,
  limits,
  argument_rules: rules,
  enforcement_triggers: [],
  measurement_types: [],
});
