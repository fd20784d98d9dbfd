/** Where in the arguments of a tool the rules of a scope ask for a path or a URL. */
import type { Json } from '../../base/canonical.ts';
import type { Rule } from '../../scope/kind.ts';
import { name as names } from '../../scope/language/name.ts';
import { parseLocation } from '../../scope/location.ts';
import type { ArgumentRule, Scope } from '../../scope/scope.ts';
import { EACH, isObject, type Place } from './pointer.ts';

export const rulesFor = (scope: Scope, tool: string): readonly ArgumentRule[] =>
  scope.argument_rules.filter((rule) => names.refuses([rule.tool], tool) === undefined);

/** The places that a rule of this kind judges; `tool` as it stands in permissions. */
export function placesOf(scope: Scope, tool: string, kind: string): readonly Place[] {
  return rulesFor(scope, tool).flatMap(({ arguments: members }) =>
    Object.entries(members).flatMap(([location, rule]) => within(rule, inside(location), kind)),
  );
}

const inside = (location: string): Place => parseLocation(location, '').map((token) => ({ token }));

function within(rule: Rule, place: Place, kind: string): readonly Place[] {
  const here = Object.hasOwn(rule, kind) ? [place] : [];
  const items = itemRule(rule);
  return items ? [...here, ...within(items, [...place, EACH], kind)] : here;
}

/** The rule for the items of a list. */
export function itemRule(rule: Rule): Rule | undefined {
  const each: Json | undefined = rule.each;
  return isObject(each) ? each : undefined;
}
