/**
 * Absolute POSIX paths. A requested path is taken as it is or refused: what is not normalised cannot be mistaken.
 *
 * One trailing slash stays: the pattern `/ws/` is that of a request for `/ws/`; the pattern `/ws` permits both spellings
 * of the same place.
 */
import { pathFault, resourceFault, segmentsFault, starsFault } from './grammar.ts';
import { textLanguage } from './text.ts';

/** The segments of an absolute path; a trailing slash is an empty last segment, and `/` is only that. */
export function pathSegments(text: string): readonly string[] | string {
  if (!text.startsWith('/')) return 'is not absolute';
  const segments = text.slice(1).split('/');
  return segmentsFault(text.endsWith('/') ? segments.slice(0, -1) : segments) ?? segments;
}

/** The segments of a path pattern, or why it is none. */
export function readPath(pattern: string): readonly string[] | string {
  const segments = pathSegments(pattern);
  return typeof segments === 'string' ? segments : (starsFault(segments) ?? segments);
}

export const path = textLanguage({
  shape:
    'a path pattern is an absolute path, where "*" is any run inside a segment and "/ws/**" is /ws and all below it',
  trailing: true,
  read: (pattern) => pathFault(pattern) ?? readPath(pattern),
  write: (segments) => `/${segments.join('/')}`,
  words: (resource) => resourceFault(resource) ?? pathFault(resource) ?? pathSegments(resource),
});
