/** `{"max_bytes": N}`: a text of at most N bytes in UTF-8. */
import { invalid } from '../decode.ts';
import { type Kind, refused, wrongType } from '../kind.ts';

export const maxBytes: Kind = {
  name: 'max_bytes',
  parse(value, owner) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value === 0 ? 0 : value;
    throw invalid(`${owner} must be an integer from 0`);
  },
  judge: (value) => {
    const most = Number(value);
    const no = refused(`must have at most ${most} bytes in UTF-8`);
    return (argument) => {
      if (typeof argument !== 'string') return wrongType('a text');
      return fits(argument, most) ? undefined : no;
    };
  },
  within: (child, parent) => Number(child) <= Number(parent),
  say: (value) => `be a text of at most ${value} bytes in UTF-8`,
};

/** A UTF-16 code unit takes one to three bytes; a surrogate, which is half a character of four, takes two. */
function fits(text: string, most: number): boolean {
  if (text.length * 3 <= most) return true;
  if (text.length > most) return false;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3;
  }
  return bytes <= most;
}
