/** `{"each": RULE}`: a list, every item of which the rule permits. */
import type { Json } from '../../base/canonical.ts';
import { invalid } from '../decode.ts';
import type { Kind, Rule } from '../kind.ts';
import { wrongType } from '../kind.ts';

const MAX_DEPTH = 8;

export const each: Kind = {
  name: 'each',
  parse(value, owner, rules) {
    if (owner.split('.each').length > MAX_DEPTH) throw invalid(`${owner} is nested too deep`);
    const rule = rules.parse(value, owner);
    if (Object.hasOwn(rule, 'optional')) throw invalid(`${owner} may not be optional: an item of a list is there`);
    return rule;
  },
  judge: (value, rules) => {
    const item = rules.judge(ruleOf(value));
    return (argument) => {
      if (!Array.isArray(argument)) return wrongType('a list');
      for (let i = 0; i < argument.length; i++) {
        const no = item(argument[i]);
        if (no) return { ...no, why: `[${i}] ${no.why}` };
      }
      return undefined;
    };
  },
  within: (child, parent, rules) => rules.within(ruleOf(child), ruleOf(parent)),
  say: (value, rules) => `be a list, every item of which must ${rules.say(ruleOf(value))}`,
};

/** A cast: `parse` made it. */
const ruleOf = (value: Json): Rule => value as Rule;
