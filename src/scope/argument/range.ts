/** `{"min": BOUND}` and `{"max": BOUND}`: numbers, bounds included; a bound is an integer or a decimal text. */
import type { Json } from '../../base/canonical.ts';
import { invalid } from '../decode.ts';
import { type Kind, refused, wrongType } from '../kind.ts';
import { compareDecimals, decimalOf } from '../value.ts';

const DECIMAL_TEXT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const MAX_DIGITS = 64;

/** `inside`: the signs that a comparison of an argument with the bound may have. */
function bound(name: string, words: string, inside: (sign: number) => boolean): Kind {
  return {
    name,
    parse(value, owner) {
      const good =
        typeof value === 'string'
          ? value.length <= MAX_DIGITS && DECIMAL_TEXT.test(value)
          : typeof value === 'number' && Number.isSafeInteger(value);
      if (!good) throw invalid(`${owner} must be an integer, or a decimal text like "0.5"`);
      return Object.is(value, -0) ? 0 : (value as number | string);
    },
    judge: (value) => {
      const limit = known(value);
      const no = refused(`must be ${words} ${value}`);
      return (argument) => {
        if (typeof argument !== 'number') return wrongType('a number');
        return inside(compareDecimals(known(argument), limit)) ? undefined : no;
      };
    },
    within: (child, parent) => inside(compareDecimals(known(child), known(parent))),
    say: (value) => `be a number ${words} ${value}`,
  };
}

function known(value: Json): NonNullable<ReturnType<typeof decimalOf>> {
  const decimal = typeof value === 'number' || typeof value === 'string' ? decimalOf(value) : undefined;
  if (!decimal) throw new TypeError('an unparsed bound');
  return decimal;
}

export const min = bound('min', 'at least', (sign) => sign >= 0);
export const max = bound('max', 'at most', (sign) => sign <= 0);
