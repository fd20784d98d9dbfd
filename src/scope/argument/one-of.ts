/** `{"one_of": [VALUE, …]}`: one of these JSON values. */
import { canonicalize, type Json } from '../../base/canonical.ts';
import { invalid, listOf, signable } from '../decode.ts';
import { type Kind, refused, wrongType } from '../kind.ts';
import { same, typeOf } from '../value.ts';

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
    return (argument) => {
      if (!types.includes(typeOf(argument))) return wrongType(`of type ${types.join(' or ')}`);
      return list.some((item) => same(item, argument)) ? undefined : no;
    };
  },
  within: (child, parent) => items(child).every((item) => items(parent).some((other) => same(item, other))),
  say: (value) => `be one of ${canonicalize(value)}`,
  values: items,
};

function items(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
