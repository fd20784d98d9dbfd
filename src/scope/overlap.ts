/**
 * What two patterns have in common, as patterns again.
 *
 * At both levels (characters of a segment, segments of a pattern) the two are read side by side. Where both stand at a
 * star, one of the two stars ends first: `*p ∩ *q = *(p ∩ *q ∪ *p ∩ q)`. Each step consumes something, so the union is
 * finite; it may be long, and beyond the effort the answer is `undefined`: it cannot be expressed.
 */
import type { Effort } from './automaton.ts';
import { BORDER, EVERY, hasStar, REST } from './segment.ts';

interface Level {
  readonly star: string;
  /** Ends each symbol of a result; results are kept as text. */
  readonly mark: string;
  /** What one symbol of each has in common. */
  readonly common: (a: string, b: string, effort: Effort) => readonly string[];
  /** Whether a star may stand for this symbol. */
  readonly free: (symbol: string) => boolean;
}

/** Every resource of both patterns, as a list of patterns; `undefined` where that list would be too long. */
export function overlap(
  a: readonly string[],
  b: readonly string[],
  effort: Effort,
): readonly (readonly string[])[] | undefined {
  if (a[0] === EVERY) return [b];
  if (b[0] === EVERY) return [a];
  const found = sideBySide(SEGMENTS, a, b, effort);
  return effort.left < 0 ? undefined : found.map((text) => text.split(SEGMENTS.mark).slice(0, -1));
}

const CHARACTERS: Level = { star: '*', mark: '', common: (a, b) => (a === b ? [a] : []), free: () => true };

const SEGMENTS: Level = { star: REST, mark: '\u0003', common: segments, free: (segment) => segment !== BORDER };

function segments(a: string, b: string, effort: Effort): readonly string[] {
  if (a === b) return [a];
  // A segment `*` is never empty: it has nothing in common with the empty word behind a trailing slash.
  if (a === '' || b === '' || a === BORDER || b === BORDER) return [];
  if (!hasStar(a) && !hasStar(b)) return [];
  const sure = Math.min(literalLength(a), literalLength(b));
  if (a.slice(0, sure) !== b.slice(0, sure)) return [];
  return sideBySide(CHARACTERS, Array.from(a), Array.from(b), effort).filter((segment) => segment !== '');
}

/** Length of the text before the first star. */
const literalLength = (segment: string): number => (hasStar(segment) ? segment.indexOf('*') : segment.length);

function sideBySide(level: Level, a: readonly string[], b: readonly string[], effort: Effort): readonly string[] {
  const { star, mark } = level;
  const known = new Map<number, readonly string[]>();
  const from = (i: number, j: number): readonly string[] => {
    const place = i * (b.length + 1) + j;
    const before = known.get(place);
    if (before) return before;
    if (--effort.left < 0) return [];
    const read = [...new Set(step(i, j))];
    for (const text of read) effort.left -= 1 + (text.length >> 3);
    known.set(place, read);
    return read;
  };
  const step = (i: number, j: number): readonly string[] => {
    const [p, q] = [a[i], b[j]];
    if (p === undefined && q === undefined) return [''];
    if (p === star && q === star) {
      const behind = (text: string) => (text.startsWith(star + mark) ? text : star + mark + text);
      return [...from(i + 1, j), ...from(i, j + 1)].map(behind);
    }
    if (p === star) return [...from(i + 1, j), ...passing(q, i + 1 === a.length, () => from(i, j + 1))];
    if (q === star) return [...from(i, j + 1), ...passing(p, j + 1 === b.length, () => from(i + 1, j))];
    // A pattern without a trailing slash matches with one, too.
    if (p === undefined || q === undefined) return (p ?? q) === '' ? [mark] : [];
    const heads = level.common(p, q, effort);
    return heads.length === 0 ? [] : from(i + 1, j + 1).flatMap((tail) => heads.map((head) => head + mark + tail));
  };
  /** The star stands for the symbol; for the empty word behind a trailing slash only where nothing follows the star. */
  const passing = (symbol: string | undefined, last: boolean, tails: () => readonly string[]): readonly string[] => {
    if (symbol === undefined || !level.free(symbol) || (symbol === '' && !last)) return [];
    return tails().map((tail) => symbol + mark + tail);
  };
  return from(0, 0);
}
