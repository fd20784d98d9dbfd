/** What a capability asks of its pattern language: read a list, judge a resource, compare and intersect lists. */
export interface Language {
  /**
   * The list in normal form: sorted by UTF-16 code units, without duplicates.
   *
   * @param owner names the list in a refusal, for example `permissions.tool.call`.
   * @throws Refusal `INVALID_REQUEST` naming the pattern, why it is refused and what is allowed.
   */
  parse(patterns: readonly string[], owner: string): readonly string[];
  /** Why the list does not permit the resource; `undefined` where it does. */
  refuses(patterns: readonly string[], resource: string): No | undefined;
  /** The patterns of `child` that are not contained in the union of `parent`; exact, see `Automaton`. */
  excess(child: readonly string[], parent: readonly string[]): readonly Surplus[];
  /** Exactly the resources of both lists, as a list; `undefined` where the language has no such list. */
  meet(a: readonly string[], b: readonly string[]): readonly string[] | undefined;
  /** The parts of `asked` that `parent` contains, as far as the language can say them. */
  nearest(asked: readonly string[], parent: readonly string[]): readonly string[];
}

export interface No {
  /** The resource is not of this language at all. */
  readonly malformed: boolean;
  readonly why: string;
}

export interface Surplus {
  readonly pattern: string;
  /** Present where the answer is no because the question could not be decided in bounded work. */
  readonly undecided?: true;
}

/** Sorted by UTF-16 code units, each once. */
export const normal = (texts: Iterable<string>): readonly string[] => [...new Set(texts)].sort();

export const MAX_PATTERNS = 256;
