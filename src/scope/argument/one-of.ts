/** `{"one_of": [VALUE, …]}`: one of these JSON values. */
import { canonicalize, type Json } from '../../base/canonical.ts';
import { invalid, listOf, signable } from '../decode.ts';
import { type Kind, refused, wrongType } from '../kind.ts';
import { typeOf } from '../value.ts';

const MAX_VALUES = 256;

export const oneOf: Kind = {
  name: 'one_of',
  parse(value, owner) {
    const values = listOf(value, owner, MAX_VALUES).map((item) => signable(item, owner));
    if (values.length === 0) throw invalid(`${owner} must hold at least one value`);
    const byText = new Map(values.map((item) => [canonicalize(item), item]));
    return [...byText.keys()].sort().map((text) => byText.get(text)!);
  },
  judge: (value) => {
    const list = items(value);
    const types = [...new Set(list.map(typeOf))];
    const no = refused(`must be one of ${canonicalize(value)}`);
    const texts = textsOf(list);
    return (argument) => {
      if (!types.includes(typeOf(argument))) return wrongType(`of type ${types.join(' or ')}`);
      return texts.has(canonicalize(argument)) ? undefined : no;
    };
  },
  within(child, parent) {
    const texts = textsOf(items(parent));
    return items(child).every((item) => texts.has(canonicalize(item)));
  },
  say: (value) => `be one of ${canonicalize(value)}`,
  values: items,
};

/** Values are the same where their canonical texts are. */
const textsOf = (values: readonly Json[]): ReadonlySet<string> => new Set(values.map((value) => canonicalize(value)));

function items(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
