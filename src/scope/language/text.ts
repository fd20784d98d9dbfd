/**
 * A language of text patterns: its own reading of a text as segments, everything else by the one automaton.
 *
 * A pattern keeps the text it was written in; what it means is its segments.
 */
import { Refusal } from '../../base/refusal.ts';
import { Automaton, type Effort } from '../automaton.ts';
import { overlap } from '../overlap.ts';
import { patternFault } from './grammar.ts';
import { type Language, MAX_PATTERNS, type No, normal, type Surplus } from './language.ts';

type Segments = readonly string[];

export interface Dialect {
  /** What a pattern of this language looks like, for messages about a wrong one. */
  readonly shape: string;
  /** Whether resources may end in a slash, like the path `/ws/`; see `Automaton`. */
  readonly trailing: boolean;
  /** The segments of a pattern, or why it is none. Faults of all languages (`patternFault`) are already excluded. */
  read(pattern: string): Segments | string;
  /** The pattern of these segments. */
  write(segments: Segments): string;
  /** The words of a resource, or why it is none. */
  words(resource: string): Segments | string;
}

/** Bound for comparing two lists. */
const COMPARE_EFFORT = 1_000_000;
const OVERLAP_EFFORT = 60_000;
/** Looking for patterns that others contain is quadratic: it pays for the short lists that people read. */
const PRUNED = 32;

export function textLanguage(dialect: Dialect): Language {
  const compiled = new WeakMap<readonly string[], Automaton>();

  const segments = (pattern: string): Segments => {
    const read = dialect.read(pattern);
    if (typeof read === 'string') throw new TypeError(`an unparsed pattern: ${read}`);
    return read;
  };

  const automaton = (patterns: readonly string[]): Automaton => {
    let found = compiled.get(patterns);
    if (!found) {
      found = new Automaton(patterns.map(segments), dialect.trailing);
      compiled.set(patterns, found);
    }
    return found;
  };

  const excess = (child: readonly string[], parent: readonly string[]): readonly Surplus[] => {
    const effort: Effort = { left: COMPARE_EFFORT };
    const same = new Set(parent);
    const surplus: Surplus[] = [];
    for (const pattern of child) {
      if (same.has(pattern)) continue;
      const answer = automaton(parent).covers(segments(pattern), effort);
      if (answer === 'no') surplus.push({ pattern });
      if (answer === 'too complex') surplus.push({ pattern, undecided: true });
    }
    return surplus;
  };

  const wide = (child: readonly string[], parent: readonly string[]): ReadonlySet<string> =>
    new Set(excess(child, parent).map(({ pattern }) => pattern));

  /**
   * The overlaps of one pattern with a list; `undefined` where they are too many or too long for patterns. What the
   * language cannot read (`/.*` and `/*.` have `/.` in common) no resource can be.
   */
  const overlaps = (pattern: string, list: readonly string[], effort: Effort): readonly string[] | undefined => {
    const found: string[] = [];
    for (const other of list) {
      const common = overlap(segments(pattern), segments(other), effort)?.map(dialect.write);
      const possible = common?.filter((text) => typeof dialect.read(text) !== 'string');
      if (!possible?.every((text) => patternFault(text) === undefined)) return undefined;
      found.push(...possible);
    }
    return found;
  };

  /** `sure` and those of `more` that the rest does not already contain; a long list is left as it is. */
  const joined = (sure: readonly string[], more: readonly (readonly string[] | undefined)[]): readonly string[] => {
    let extra = normal(more.flatMap((part) => part ?? []));
    if (extra.length <= PRUNED) {
      for (const pattern of extra) {
        const others = extra.filter((other) => other !== pattern);
        if (excess([pattern], [...sure, ...others]).length === 0) extra = others;
      }
    }
    return normal([...sure, ...extra]);
  };

  /** The patterns of `a` within `b`; what else both hold: the patterns of `b` within `a`, and the overlaps of the others. */
  const shared = (a: readonly string[], b: readonly string[]) => {
    const [wideA, wideB] = [wide(a, b), wide(b, a)];
    const effort = { left: OVERLAP_EFFORT };
    return {
      held: a.filter((pattern) => !wideA.has(pattern)),
      parts: [
        b.filter((pattern) => !wideB.has(pattern)),
        ...[...wideA].map((one) => overlaps(one, [...wideB], effort)),
      ],
    };
  };

  return {
    parse(patterns, owner) {
      if (patterns.length > MAX_PATTERNS) {
        throw new Refusal(
          'INVALID_REQUEST',
          `${owner} has ${patterns.length} patterns; at most ${MAX_PATTERNS} are allowed`,
        );
      }
      for (const pattern of patterns) {
        const read = patternFault(pattern) ?? dialect.read(pattern);
        if (typeof read !== 'string') continue;
        throw new Refusal('INVALID_REQUEST', `${owner}: the pattern ${quoted(pattern)} ${read}; ${dialect.shape}`);
      }
      return normal(patterns);
    },
    refuses(patterns, resource): No | undefined {
      const words = dialect.words(resource);
      if (typeof words === 'string') return { malformed: true, why: words };
      return automaton(patterns).matches(words)
        ? undefined
        : { malformed: false, why: 'is not matched by any pattern' };
    },
    excess,
    meet(a, b) {
      const { held, parts } = shared(a, b);
      if (parts.includes(undefined)) return undefined;
      const met = joined(held, parts);
      return met.length > MAX_PATTERNS ? undefined : met;
    },
    nearest(asked, parent) {
      const { held, parts } = shared(asked, parent);
      const kept = joined(held, parts).slice(0, MAX_PATTERNS);
      const undecided = wide(kept, parent);
      return undecided.size === 0 ? kept : kept.filter((pattern) => !undecided.has(pattern));
    },
  };
}

/** A text from outside, as it stands in a message. */
export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
