/** `{"equals": VALUE}`: this JSON value; numbers by value, members in any order. */
import { canonicalize, type Json } from '../../base/canonical.ts';
import { signable } from '../decode.ts';
import { type Kind, refused, wrongType } from '../kind.ts';
import { same, typeOf } from '../value.ts';

export const equals: Kind = {
  name: 'equals',
  parse: signable,
  judge: (value) => {
    const no = refused(`must equal ${canonicalize(value)}`);
    return (argument) => {
      if (typeOf(argument) !== typeOf(value)) return wrongType(`of type ${typeOf(value)}`);
      return same(argument, value) ? undefined : no;
    };
  },
  within: same,
  say: (value) => `equal ${canonicalize(value)}`,
  values: (value): readonly Json[] => [value],
};
