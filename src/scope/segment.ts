/**
 * One segment of a pattern or of a resource.
 *
 * Both are sequences of words. In a pattern three words are not plain text: `**` stands for any number of words, also
 * none; a word that holds `*` matches any run in place of each star; `EVERY`, alone, is every resource there is.
 */

/** Any number of whole segments. */
export const REST = '**';
/** A pattern of this one word is every resource of its language. */
export const EVERY = '\u0002';
/** Divides the parts of a resource that a star never crosses (scheme, host, port, path); no resource holds it. */
export const BORDER = '\u0000';
/** A character that no pattern and no resource can hold: a text that only a star matches. */
export const FRESH = '\u0001';

export const hasStar = (segment: string): boolean => segment.includes('*');

/** The literal text between the stars. */
export interface Starred {
  readonly pieces: readonly string[];
  /** No shorter word can match; a segment is never empty. */
  readonly shortest: number;
}

export function starred(segment: string): Starred {
  const pieces = segment.split('*');
  const literal = pieces.reduce((length, piece) => length + piece.length, 0);
  return { pieces, shortest: Math.max(1, literal) };
}

/**
 * Leftmost matching of the pieces between the first and the last: with nothing but stars between them the leftmost place
 * leaves the most room, so there is nothing to go back for and the time is that of `indexOf`.
 */
export function matchesWord({ pieces, shortest }: Starred, word: string): boolean {
  const first = pieces[0]!;
  const last = pieces[pieces.length - 1]!;
  if (word.length < shortest || word === BORDER || !word.startsWith(first) || !word.endsWith(last)) return false;
  let at = first.length;
  for (let i = 1; i < pieces.length - 1; i++) {
    const found = word.indexOf(pieces[i]!, at);
    if (found < 0) return false;
    at = found + pieces[i]!.length;
  }
  return at <= word.length - last.length;
}
