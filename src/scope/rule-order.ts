/** Argument rules of one scope against those of another: is the one within the other, and what have both in common. */
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Excess } from './answer.ts';
import type { ArgumentRule } from './argument-rules.ts';
import type { Effort } from './automaton.ts';
import type { Rule } from './kind.ts';
import { name as names } from './language/name.ts';
import { type Location, parseLocation } from './location.ts';
import { isOpen, isOptional, meetRule, rules } from './rule.ts';

/** Bound for comparing two lists, in characters of the compared rules: far above honest use. */
const EFFORT = 2_000_000;
/** What one comparison costs beside its characters. */
const EACH = 64;
/** Findings listed in a message; nobody reads more. */
const MOST_SAID = 64;

interface Placed {
  readonly key: string;
  readonly place: Location;
  readonly rule: Rule;
  readonly size: number;
}

/** The rules for one tool pattern: all of them, and those for each place. */
interface Held {
  readonly all: Placed[];
  readonly at: Map<string, Placed[]>;
}

const placed = (key: string, rule: Rule): Placed => {
  const place = parseLocation(key, '');
  return { key, place, rule, size: canonicalize(rule).length };
};

function byPlace(list: readonly ArgumentRule[]): ReadonlyMap<string, Held> {
  const tools = new Map<string, Held>();
  for (const { tool, arguments: members } of list) {
    const held: Held = tools.get(tool) ?? { all: [], at: new Map() };
    tools.set(tool, held);
    for (const [key, rule] of Object.entries(members)) {
      const one = placed(key, rule);
      const place = JSON.stringify(one.place);
      held.all.push(one);
      const there = held.at.get(place);
      if (there) there.push(one);
      else held.at.set(place, [one]);
    }
  }
  return tools;
}

/**
 * A child may add rules for other tools and leave rules out (its ancestors' apply all the same); a rule for a tool
 * pattern that the parent has rules for must be within them, argument by argument.
 */
export function excessOfRules(child: readonly ArgumentRule[], parent: readonly ArgumentRule[]): readonly Excess[] {
  if (child.length === 0 || parent.length === 0) return [];
  const known = new Set(parent.map((rule) => canonicalize(rule)));
  const above = byPlace(parent);
  const effort: Effort = { left: EFFORT };
  const found: Excess[] = [];
  for (const rule of child) {
    const held = above.get(rule.tool);
    if (!held || known.has(canonicalize(rule))) continue;
    for (const [key, own] of Object.entries(rule.arguments)) {
      const excess = excessOfArgument(rule.tool, placed(key, own), held, effort);
      if (excess) found.push(excess);
      if (effort.left < 0 || found.length === MOST_SAID) return found;
    }
  }
  return found;
}

function excessOfArgument(tool: string, own: Placed, held: Held, effort: Effort): Excess | undefined {
  // Whatever judges the place itself, or something around it.
  const naming = [...own.place, ''].flatMap((_, depth) => held.at.get(JSON.stringify(own.place.slice(0, depth))) ?? []);
  const isWithin = ({ place, rule, size }: Placed): boolean => {
    effort.left -= EACH + own.size + size;
    if (effort.left < 0) return false;
    return place.length < own.place.length ? isOpen(rule) : narrows(own.rule, rule);
  };
  if (naming.length > 0 && naming.every(isWithin)) return undefined;
  const say = ({ key, rule }: Placed) => `${tool} ${key}: ${canonicalize(rule)}`;
  const parent = (naming.length > 0 ? naming : held.all).slice(0, MOST_SAID).map(say);
  return {
    capability: 'argument_rules',
    pattern: say(own),
    parent,
    ...(effort.left < 0 && { note: 'too complex to decide' as const }),
  };
}

const narrows = (own: Rule, above: Rule): boolean =>
  rules.within(own, above) && (!isOptional(own) || isOptional(above));

/**
 * Rules that permit exactly the calls that both lists permit.
 *
 * Merging is not enough: in a closed world a rule also refuses what it does not name, so two rules that bind the same
 * tool must name the same arguments. Where that cannot be had the answer is a refusal that says which rules.
 */
export function meetRules(a: readonly ArgumentRule[], b: readonly ArgumentRule[]): readonly ArgumentRule[] {
  const effort: Effort = { left: EFFORT };
  const meet = (one: ArgumentRule, other: ArgumentRule) => meetOne(one, other, effort);
  const met = a.map((rule) => b.filter(({ tool }) => tool === rule.tool).reduce(meet, rule));
  const others = b.filter((rule) => !a.some(({ tool }) => tool === rule.tool));
  for (const rule of met) {
    for (const other of others) {
      spend(effort, rule, other, EACH);
      const disjoint = keys(rule) === keys(other) || names.meet([rule.tool], [other.tool])?.length === 0;
      if (!disjoint) throw inexpressible(rule, other, 'they bind the same tool but name different arguments');
    }
  }
  const byText = new Map([...met, ...others].map((rule) => [canonicalize(rule), rule]));
  return [...byText.keys()].sort().map((text) => byText.get(text)!);
}

const keys = ({ arguments: members }: ArgumentRule): string => canonicalize(Object.keys(members).sort());

function spend(effort: Effort, a: ArgumentRule, b: ArgumentRule, cost: number): void {
  effort.left -= cost;
  if (effort.left < 0) throw inexpressible(a, b, 'there are too many of them to compare');
}

function meetOne(a: ArgumentRule, b: ArgumentRule, effort: Effort): ArgumentRule {
  spend(effort, a, b, EACH + canonicalize(a).length + canonicalize(b).length);
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
