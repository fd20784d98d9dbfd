/** Permissions: capability → list of patterns. A capability that is absent, or whose list is empty, permits nothing. */
import type { Act, Denial, Excess } from './answer.ts';
import { shown } from './answer.ts';
import { capabilityOf, RESERVED } from './capability.ts';
import { invalid, membersOf, textsOf } from './decode.ts';
import { MAX_PATTERNS } from './language/language.ts';

export type Permissions = { readonly [capability: string]: readonly string[] };

const NONE: readonly string[] = [];

/**
 * In normal form: lists sorted and without duplicates, amounts of one currency added up. An empty list stays, because for
 * a capability that is inherited when left out (a budget) it says something else than its absence.
 *
 * @throws Refusal `INVALID_REQUEST` naming the capability, the pattern, why it is refused and what is allowed.
 */
export function parsePermissions(value: unknown): Permissions {
  const members = membersOf(value, 'permissions');
  const names = Object.keys(members).sort();
  return Object.fromEntries(
    names.map((name) => {
      const capability = capabilityOf(name);
      if (!capability) {
        const known = `${RESERVED.join(', ')} or x-<vendor>.<name>`;
        throw invalid(`permissions holds the unknown capability ${JSON.stringify(name.slice(0, 64))}; known: ${known}`);
      }
      const owner = `permissions.${name}`;
      return [name, capability.language.parse(textsOf(members[name], owner, MAX_PATTERNS), owner)];
    }),
  );
}

/**
 * What applies where `name` is left out: nothing, or for an inherited capability the smallest cap above. Lists above only
 * ever narrow downwards, so their meet is the nearest one, in whatever order they come.
 */
function inherited(name: string, above: readonly Permissions[]): readonly string[] | undefined {
  const capability = capabilityOf(name);
  if (!capability?.inherited) return undefined;
  const lists = above.map((permissions) => permissions[name]).filter((list) => list !== undefined);
  return lists.length === 0 ? undefined : lists.reduce((a, b) => capability.language.meet(a, b) ?? NONE);
}

/** `above`: the parent, then its ancestors, in any order. */
export function excessOfPermissions(child: Permissions, parent: Permissions, above: readonly Permissions[]): Excess[] {
  return Object.entries(child).flatMap(([name, asked]) => {
    const held = parent[name] ?? inherited(name, above) ?? NONE;
    const found = capabilityOf(name)?.language.excess(asked, held) ?? asked.map((pattern) => ({ pattern }));
    return found.map((surplus) => ({
      capability: name,
      pattern: surplus.pattern,
      parent: held,
      ...('undecided' in surplus ? { note: 'too complex to decide' as const } : {}),
    }));
  });
}

/** `undefined` for a capability whose meet no list of its language expresses. */
export function meetPermissions(a: Permissions, b: Permissions): { permissions: Permissions; inexpressible: string[] } {
  const inexpressible: string[] = [];
  const permissions: { [capability: string]: readonly string[] } = {};
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const capability = capabilityOf(name);
    const [one, other] = [a[name], b[name]];
    if (one && other) {
      const met = capability?.language.meet(one, other);
      if (met) permissions[name] = met;
      else inexpressible.push(name);
    } else if (capability?.inherited) permissions[name] = one ?? other ?? NONE;
  }
  return { permissions, inexpressible };
}

/** The largest request of this shape that passes; `above` as for `excessOfPermissions`. */
export function nearestPermissions(
  asked: Permissions,
  parent: Permissions,
  above: readonly Permissions[],
): Permissions {
  return Object.fromEntries(
    Object.entries(asked).flatMap(([name, list]) => {
      const held = parent[name] ?? inherited(name, above) ?? NONE;
      const nearest = capabilityOf(name)?.language.nearest(list, held) ?? NONE;
      return nearest.length > 0 || list.length === 0 ? [[name, nearest]] : [];
    }),
  );
}

/** Why these permissions do not permit the act; `above` are the ancestors', for what is inherited. */
export function denialOfPermission(
  permissions: Permissions,
  act: Act,
  above: readonly { readonly permissions: Permissions }[],
): Denial | undefined {
  const rule = `permissions.${act.capability}`;
  const capability = capabilityOf(act.capability);
  if (!capability) {
    const message = `${shown(act.capability)} is not a capability; known: ${RESERVED.join(', ')} or x-<vendor>.<name>`;
    return { code: 'INVALID_REQUEST', rule: 'permissions', message };
  }
  const list =
    permissions[act.capability] ??
    inherited(
      act.capability,
      above.map(({ permissions: list }) => list),
    ) ??
    NONE;
  const no = capability.language.refuses(list, act.resource);
  if (!no) return undefined;
  const code = no.malformed ? capability.malformed : 'PERMISSION_DENIED';
  const why = no.malformed || list.length > 0 ? no.why : 'is not permitted: the scope grants nothing there';
  return { code, rule, message: `${act.capability} ${shown(act.resource)} ${why}` };
}
