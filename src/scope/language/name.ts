/** Names of tools, models, prompts and vendor things: segments divided by `/`, compared as they are, never normalised. */
import { resourceFault, segmentsFault, starsFault } from './grammar.ts';
import { textLanguage } from './text.ts';

/** A name that ends like this lost its last part on the way, for example to an empty variable. */
const unfinished = (text: string): string | undefined =>
  text.endsWith(':') || text.endsWith('@') ? 'ends in ":" or "@", as no name does' : undefined;

function read(pattern: string): readonly string[] | string {
  const segments = words(pattern);
  return typeof segments === 'string' ? segments : (starsFault(segments) ?? segments);
}

function words(resource: string): readonly string[] | string {
  const segments = resource.split('/');
  return resourceFault(resource) ?? unfinished(resource) ?? segmentsFault(segments) ?? segments;
}

export const name = textLanguage({
  shape:
    'a name pattern is segments divided by "/", where "*" is any run inside a segment and "**" any number of segments',
  trailing: false,
  read,
  write: (segments) => segments.join('/'),
  words,
});

/** A name of one segment, where `**` means no more than `*`. */
export const server = textLanguage({
  shape: 'a server pattern is one segment, where "*" is any run of characters',
  trailing: false,
  read: (pattern) => single(read(pattern)),
  write: (segments) => segments.join(''),
  words: (resource) => single(words(resource)),
});

function single(segments: readonly string[] | string): readonly string[] | string {
  if (typeof segments === 'string') return segments;
  return segments.length > 1 ? 'holds a "/"' : segments.map(oneSegment);
}

/** `name` or `name@version`: two segments, because a star crosses neither `/` nor `@`. */
export const agent = textLanguage({
  shape:
    'an agent pattern is "name" or "name@version", where "*" is any run inside one of the two ("name@*": any version)',
  trailing: false,
  read(pattern) {
    const fields = agentFields(pattern);
    return typeof fields === 'string' ? fields : (starsFault(fields) ?? fields.map(oneSegment));
  },
  write: (segments) => segments.join('@'),
  words: agentFields,
});

function agentFields(text: string): readonly string[] | string {
  const fields = text.split('@');
  if (text.includes('/')) return 'holds a "/"';
  if (fields.length > 2) return 'has more than one "@"';
  if (fields.includes('')) return 'has an empty name or version';
  return resourceFault(text) ?? unfinished(text) ?? segmentsFault(fields) ?? fields;
}

const oneSegment = (segment: string): string => (segment === '**' ? '*' : segment);
