/** `{"matches": PATTERN}`: a text that a name pattern matches. */
import { name } from '../language/name.ts';
import { patterned } from '../patterned.ts';

export const matches = patterned({
  name: 'matches',
  language: name,
  words: (value) => `match ${JSON.stringify(value)}`,
  pattern: (value) => value,
});
