/** What every pattern language refuses, and what no resource of any of them may hold. */
const MAX_CHARACTERS = 512;
const MAX_STARS = 8;
/** Longer texts are no resource: the work of a match stays bounded. */
const MAX_RESOURCE = 65_536;

const CONTROL = /\p{Cc}/u;
const ESCAPED = /%(?:2e|2f|5c)/i;
/** Text of these characters alone equals its NFC and its NFKC form. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Why a text is no pattern in any language. */
export function patternFault(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > MAX_CHARACTERS && Array.from(text).length > MAX_CHARACTERS) {
    return `is longer than ${MAX_CHARACTERS} characters`;
  }
  if (text.includes('\\')) return 'holds a backslash';
  if (ESCAPED.test(text)) return 'holds an escaped dot, slash or backslash (%2e, %2f, %5c)';
  const fault = textFault(text);
  if (fault) return fault;
  if (!isPlain(text) && text.normalize('NFC') !== text) return 'is not in Unicode normal form NFC';
  if (stars(text) > MAX_STARS) return `has more than ${MAX_STARS} stars ("**" counts as one)`;
  return undefined;
}

/** Why segments, of a pattern or of a resource, are none. */
export function segmentsFault(segments: readonly string[]): string | undefined {
  for (const segment of segments) {
    if (segment === '') return 'has an empty segment';
    if (segment === '.' || segment === '..') return `has a "${segment}" segment`;
  }
  return undefined;
}

export function starsFault(segments: readonly string[]): string | undefined {
  const longer = segments.some((segment) => segment.length > 2 && segment.includes('**'));
  return longer ? 'has "**" inside a longer segment' : undefined;
}

/** Why a text is no resource in any language. */
export function resourceFault(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > MAX_RESOURCE) return `is longer than ${MAX_RESOURCE} characters`;
  return textFault(text);
}

export const isPlain = (text: string): boolean => PLAIN.test(text);

/** Why a requested path, or the path of a URL, is none; `undefined` for a good one. */
export function pathFault(text: string): string | undefined {
  if (text.includes('\\')) return 'holds a backslash';
  if (ESCAPED.test(text)) return 'holds an escaped dot, slash or backslash (%2e, %2f, %5c)';
  return isPlain(text) ? undefined : disguise(text);
}

/**
 * Text that a file system or a server may fold into another path: decomposed characters, full-width slashes, and the
 * one-character "two dot leader", whose compatibility form is "..".
 */
function disguise(text: string): string | undefined {
  if (text.normalize('NFC') !== text) return 'is not in Unicode normal form NFC';
  const folded = text.normalize('NFKC');
  const segments = folded.split('/');
  if (segments.length !== text.split('/').length || folded.includes('\\')) return 'hides a separator';
  if (segments.includes('.') || segments.includes('..')) return 'hides a dot segment';
  return undefined;
}

function textFault(text: string): string | undefined {
  if (isPlain(text)) return undefined;
  if (!text.isWellFormed()) return 'holds a lone surrogate';
  return CONTROL.test(text) ? 'holds a control character' : undefined;
}

function stars(text: string): number {
  let count = 0;
  for (let at = text.indexOf('*'); at >= 0; at = text.indexOf('*', at)) {
    count++;
    at += text.startsWith('**', at) ? 2 : 1;
  }
  return count;
}
