/** One rule for one argument: all its kinds must hold. There is no "not" and no "or", so adding to it only narrows. */
import type { Json } from '../base/canonical.ts';
import { KINDS } from './argument/index.ts';
import { invalid, membersOf } from './decode.ts';
import type { Judge, Kind, Rule, Rules } from './kind.ts';

const TABLE: ReadonlyMap<string, Kind> = new Map(KINDS.map((kind) => [kind.name, kind]));
const OPTIONAL = 'optional';

export const isOptional = (rule: Rule): boolean => rule[OPTIONAL] === true;

/** The rule as a member list, in the order of the table. */
const kindsOf = (rule: Rule): readonly { readonly kind: Kind; readonly value: Json }[] =>
  KINDS.filter(({ name }) => Object.hasOwn(rule, name)).map((kind) => ({ kind, value: rule[kind.name]! }));

export const isOpen = (rule: Rule): boolean => kindsOf(rule).every(({ kind }) => kind.open);

/** A rule is held against many others, and a list of values takes a while to be read. */
const judges = new WeakMap<Rule, Judge>();

export const rules: Rules = {
  parse(value, owner) {
    const members = membersOf(value, owner);
    const rule: { [kind: string]: Json } = {};
    for (const name of Object.keys(members).sort()) {
      const kind = TABLE.get(name);
      if (kind) rule[name] = kind.parse(members[name], `${owner}.${name}`, rules);
      else if (name !== OPTIONAL) throw unknownKind(owner, name);
      else if (typeof members[name] !== 'boolean') throw invalid(`${owner}.optional must be true or false`);
      else if (members[name]) rule[name] = true;
    }
    if (kindsOf(rule).length === 0)
      throw invalid(`${owner} names no kind of rule; known: ${[...TABLE.keys()].join(', ')}`);
    return rule;
  },

  judge(rule): Judge {
    const known = judges.get(rule);
    if (known) return known;
    const each = kindsOf(rule).map(({ kind, value }) => kind.judge(value, rules));
    const judge: Judge = (argument) => {
      for (const ask of each) {
        const no = ask(argument);
        if (no) return no;
      }
      return undefined;
    };
    judges.set(rule, judge);
    return judge;
  },

  /** Sound: yes only where the child permits no more. A few values are tried; else each kind is compared with its like. */
  within(child, parent) {
    const finite = kindsOf(child).find(({ kind }) => kind.values);
    if (finite) {
      const [own, above] = [rules.judge(child), rules.judge(parent)];
      return finite.kind.values!(finite.value).every((value) => own(value) !== undefined || above(value) === undefined);
    }
    return kindsOf(parent).every(
      ({ kind, value }) =>
        kind.open || (Object.hasOwn(child, kind.name) && kind.within(child[kind.name]!, value, rules)),
    );
  },

  say(rule) {
    const words = kindsOf(rule).map(({ kind, value }) => kind.say(value, rules));
    return words.join(' and must ');
  },
};

/** The rule that permits what both permit, where one of each pair of like kinds is within the other. */
export function meetRule(a: Rule, b: Rule): Rule | undefined {
  const met: { [kind: string]: Json } = {};
  for (const { name, within } of KINDS) {
    const [one, other] = [a[name], b[name]];
    const kept = one === undefined ? other : other === undefined ? one : narrower(one, other, within);
    if (kept === undefined && (one !== undefined || other !== undefined)) return undefined;
    if (kept !== undefined) met[name] = kept;
  }
  return isOptional(a) && isOptional(b) ? { ...met, [OPTIONAL]: true } : met;
}

function narrower(a: Json, b: Json, within: Kind['within']): Json | undefined {
  if (within(a, b, rules)) return a;
  return within(b, a, rules) ? b : undefined;
}

function unknownKind(owner: string, name: string): Error {
  const known = [...TABLE.keys(), OPTIONAL].join(', ');
  return invalid(`${owner} holds the unknown kind ${JSON.stringify(name.slice(0, 64))}; known: ${known}`);
}
