/**
 * Argument rules: what a tool may be called *with*.
 *
 * All rules of a scope whose tool pattern matches bind the call together: every one that names an argument must permit
 * it, and an argument that none of them names is refused. Each artifact of a lineage is asked on its own, so whatever a
 * child writes, its ancestors' rules still apply.
 */
import { canonicalize, type Json } from '../base/canonical.ts';
import { type Denial, shown } from './answer.ts';
import { invalid, listOf, membersOf, onlyMembers } from './decode.ts';
import type { Judge, Rule } from './kind.ts';
import { name as names } from './language/name.ts';
import { type Location, Places, parseLocation } from './location.ts';
import { isOptional, rules } from './rule.ts';

export interface ArgumentRule {
  /** A name pattern of tools. */
  readonly tool: string;
  /** The name of an argument, or a JSON pointer into the arguments → its rule. */
  readonly arguments: { readonly [location: string]: Rule };
}

const MAX_RULES = 256;
const MAX_LOCATIONS = 128;

/** In normal form: sorted by RFC 8785 text, each rule once. @throws Refusal `INVALID_REQUEST` naming the member. */
export function parseArgumentRules(value: unknown): readonly ArgumentRule[] {
  const parsed = listOf(value, 'argument_rules', MAX_RULES).map((item, i) => parseRule(item, `argument_rules[${i}]`));
  const byText = new Map(parsed.map((rule) => [canonicalize(rule), rule]));
  return [...byText.keys()].sort().map((text) => byText.get(text)!);
}

function parseRule(value: unknown, owner: string): ArgumentRule {
  const { tool, arguments: members } = onlyMembers(value, owner, ['tool', 'arguments'], true);
  if (typeof tool !== 'string') throw invalid(`${owner}.tool must be a name pattern`);
  names.parse([tool], `${owner}.tool`);
  const locations = Object.entries(membersOf(members, `${owner}.arguments`));
  if (locations.length > MAX_LOCATIONS) throw invalid(`${owner}.arguments names more than ${MAX_LOCATIONS} arguments`);
  const parsed = locations.map(([location, rule]) => {
    const place = `${owner}.arguments[${JSON.stringify(location)}]`;
    parseLocation(location, owner);
    return [location, rules.parse(rule, place)] as const;
  });
  return { tool, arguments: Object.fromEntries(parsed) };
}

/** Why the rules refuse a call of `tool` with these arguments; absent arguments are judged as none. */
export function denialOfArguments(
  list: readonly ArgumentRule[],
  tool: string,
  given: { readonly [name: string]: Json } | undefined,
): Denial | undefined {
  if (list.length === 0) return undefined;
  const binding = bindingsOf(list).of(tool);
  const no = binding?.places.refuses(given ?? {}, '');
  if (!binding || !no) return undefined;
  const value =
    no.value === undefined ? '' : ` (${shown(typeof no.value === 'string' ? no.value : canonicalize(no.value))})`;
  const message = `argument ${JSON.stringify(no.where)} of ${shown(tool)}${value} ${no.why}`;
  return { code: no.malformed ? 'INVALID_REQUEST' : 'PERMISSION_DENIED', rule: binding.rule, message };
}

interface Binding {
  readonly rule: string;
  readonly places: Places;
}

/** The rules of a scope, ready to judge; and by tool, since a scope is asked about few tools again and again. */
class Bindings {
  private readonly tools = new Map<string, Binding | null>();
  private readonly rules: readonly { readonly tool: readonly string[]; readonly standing: readonly Standing[] }[];

  constructor(list: readonly ArgumentRule[]) {
    this.rules = list.map(({ tool, arguments: members }) => ({
      tool: [tool],
      standing: Object.entries(members).map(([key, rule]) => ({
        location: parseLocation(key, ''),
        judge: rules.judge(rule),
        required: !isOptional(rule),
      })),
    }));
  }

  of(tool: string): Binding | null {
    const known = this.tools.get(tool);
    if (known !== undefined) return known;
    const found = this.bind(tool);
    if (this.tools.size >= MAX_TOOLS) this.tools.clear();
    this.tools.set(tool, found);
    return found;
  }

  private bind(tool: string): Binding | null {
    const binding = this.rules.filter((rule) => names.refuses(rule.tool, tool) === undefined);
    if (binding.length === 0) return null;
    const places = new Places();
    for (const { standing } of binding) {
      for (const { location, judge, required } of standing) places.add(location, judge, required);
    }
    return { rule: `argument_rules for ${binding.map((rule) => rule.tool).join(', ')}`, places };
  }
}

interface Standing {
  readonly location: Location;
  readonly judge: Judge;
  readonly required: boolean;
}

const compiled = new WeakMap<readonly ArgumentRule[], Bindings>();
const MAX_TOOLS = 256;

function bindingsOf(list: readonly ArgumentRule[]): Bindings {
  const known = compiled.get(list);
  if (known) return known;
  const bindings = new Bindings(list);
  compiled.set(list, bindings);
  return bindings;
}
