/** `{"url": PATTERN}`: a URL that a `net.fetch` pattern permits. */
import { url as language } from '../language/url.ts';
import { patterned } from '../patterned.ts';

export const url = patterned({
  name: 'url',
  language,
  words: (value) => `be a URL of ${JSON.stringify(value)}`,
  pattern: (value) => value,
});
