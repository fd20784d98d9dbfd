/** Argument rules of one scope against those of another: is the one within the other, and what have both in common. */
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Excess } from './answer.ts';
import type { ArgumentRule } from './argument-rules.ts';
import type { Rule } from './kind.ts';
import { name as names } from './language/name.ts';
import { type Location, parseLocation } from './location.ts';
import { isOpen, isOptional, meetRule, rules } from './rule.ts';

/**
 * A child may add rules for other tools and leave rules out (its ancestors' apply all the same); a rule for a tool
 * pattern that the parent has rules for must be within them, argument by argument.
 */
export function excessOfRules(child: readonly ArgumentRule[], parent: readonly ArgumentRule[]): readonly Excess[] {
  const known = new Set(parent.map((rule) => canonicalize(rule)));
  return child.flatMap((rule) => {
    const above = parent.filter(({ tool }) => tool === rule.tool);
    if (above.length === 0 || known.has(canonicalize(rule))) return [];
    const held = above.flatMap(({ arguments: members }) => Object.entries(members));
    return Object.entries(rule.arguments).flatMap(([key, own]) => excessOfArgument(rule.tool, key, own, held));
  });
}

function excessOfArgument(tool: string, key: string, own: Rule, held: readonly (readonly [string, Rule])[]): Excess[] {
  const place = parseLocation(key, '');
  const naming = held.filter(([other]) => leads(parseLocation(other, ''), place));
  const contained = naming.every(([other, rule]) =>
    parseLocation(other, '').length < place.length ? isOpen(rule) : narrows(own, rule),
  );
  if (naming.length > 0 && contained) return [];
  const say = (location: string, rule: Rule) => `${tool} ${location}: ${canonicalize(rule)}`;
  const parent = (naming.length > 0 ? naming : held).map(([other, rule]) => say(other, rule));
  return [{ capability: 'argument_rules', pattern: say(key, own), parent }];
}

const narrows = (own: Rule, above: Rule): boolean =>
  rules.within(own, above) && (!isOptional(own) || isOptional(above));

/** Whether `place` is at or below `above`. */
const leads = (above: Location, place: Location): boolean => above.every((token, i) => token === place[i]);

/**
 * Rules that permit exactly the calls that both lists permit.
 *
 * Merging is not enough: in a closed world a rule also refuses what it does not name, so two rules that bind the same
 * tool must name the same arguments. Where that cannot be had the answer is a refusal that says which rules.
 */
export function meetRules(a: readonly ArgumentRule[], b: readonly ArgumentRule[]): readonly ArgumentRule[] {
  const met = a.map((rule) => b.filter(({ tool }) => tool === rule.tool).reduce(meetOne, rule));
  const others = b.filter((rule) => !a.some(({ tool }) => tool === rule.tool));
  for (const rule of met) {
    for (const other of others) {
      const disjoint = keys(rule) === keys(other) || names.meet([rule.tool], [other.tool])?.length === 0;
      if (!disjoint) throw inexpressible(rule, other, 'they bind the same tool but name different arguments');
    }
  }
  const byText = new Map([...met, ...others].map((rule) => [canonicalize(rule), rule]));
  return [...byText.keys()].sort().map((text) => byText.get(text)!);
}

const keys = ({ arguments: members }: ArgumentRule): string => canonicalize(Object.keys(members).sort());

function meetOne(a: ArgumentRule, b: ArgumentRule): ArgumentRule {
  const both: [string, Rule][] = [];
  for (const [key, rule] of Object.entries(a.arguments)) {
    const other = Object.hasOwn(b.arguments, key) ? b.arguments[key] : undefined;
    const met = other && meetRule(rule, other);
    if (met) both.push([key, met]);
    else if (other) throw inexpressible(a, b, `no value of the argument ${JSON.stringify(key)} would pass both`);
    else if (!isOptional(rule)) throw inexpressible(a, b, `only the former names the argument ${JSON.stringify(key)}`);
  }
  const missing = Object.entries(b.arguments).find(
    ([key, rule]) => !Object.hasOwn(a.arguments, key) && !isOptional(rule),
  );
  if (missing) throw inexpressible(a, b, `only the latter names the argument ${JSON.stringify(missing[0])}`);
  return { tool: a.tool, arguments: Object.fromEntries(both) };
}

function inexpressible(one: ArgumentRule, other: ArgumentRule, why: string): Refusal {
  const message = `The argument rules for ${one.tool} and for ${other.tool} have nothing in common that one rule could say: ${why}.`;
  const excess: Excess = {
    capability: 'argument_rules',
    pattern: canonicalize(one),
    parent: [canonicalize(other)],
  };
  return new Refusal('LEASE_SUBSET_VIOLATION', message, { detail: { excess: [excess] } });
}
