/** `{"under": FOLDER}`: the absolute path of that folder or of anything below it, judged like a requested path. */
import { invalid } from '../decode.ts';
import { path } from '../language/path.ts';
import { patterned } from '../patterned.ts';

export const under = patterned({
  name: 'under',
  language: path,
  words: (value) => `be a path under ${JSON.stringify(value)}`,
  pattern(value, owner) {
    if (!value.startsWith('/')) throw invalid(`${owner} must be the absolute path of a folder`);
    // The enforcer resolves links in the folder, so it must be one place, not a pattern of places.
    if (value.includes('*')) throw invalid(`${owner} must be the path of a folder, without stars`);
    return value.endsWith('/') ? `${value}**` : `${value}/**`;
  },
});
