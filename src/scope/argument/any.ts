/** `{"any": true}`: the argument is named and takes any JSON value. */
import { invalid } from '../decode.ts';
import type { Kind } from '../kind.ts';

export const any: Kind = {
  name: 'any',
  open: true,
  parse(value, owner) {
    if (value !== true) throw invalid(`${owner} must be true`);
    return true;
  },
  judge: () => () => undefined,
  within: () => true,
  say: () => 'be any value',
};
