/** Argument rules whose value is one pattern of a permission language: the same parser and the same matcher. */
import { invalid } from './decode.ts';
import { type Kind, refused, wrongType } from './kind.ts';
import type { Language } from './language/language.ts';

interface Patterned {
  readonly name: string;
  readonly language: Language;
  /** What the rule asks for, in words. */
  readonly words: (value: string) => string;
  /** The pattern that the value of the rule stands for. @throws Refusal `INVALID_REQUEST`. */
  readonly pattern: (value: string, owner: string) => string;
}

export function patterned({ name, language, words, pattern }: Patterned): Kind {
  // A cast free reading: what is not text has not been parsed.
  const list = (value: unknown, owner: string): readonly string[] => {
    if (typeof value !== 'string') throw invalid(`${owner} must be a text`);
    return [pattern(value, owner)];
  };
  return {
    name,
    parse(value, owner) {
      language.parse(list(value, owner), owner);
      return String(value);
    },
    judge: (value) => {
      const patterns = list(value, name);
      return (argument) => {
        if (typeof argument !== 'string') return wrongType('a text');
        const no = language.refuses(patterns, argument);
        return no && refused(no.malformed ? no.why : `must ${words(String(value))}`);
      };
    },
    within: (child, parent) => language.excess(list(child, name), list(parent, name)).length === 0,
    say: (value) => words(String(value)),
  };
}
