/** What a kind of argument rule is. Each has one file in `argument/`, and one line in its list. */
import type { Json } from '../base/canonical.ts';

/** Why an argument is not permitted. */
export interface No {
  /** It has the wrong shape: another type, or a member that no rule names. */
  readonly malformed: boolean;
  readonly why: string;
}

export type Judge = (argument: Json) => No | undefined;

/** A rule: kind → value, all of which must hold, and whether the argument may be missing. */
export interface Rule {
  readonly [kind: string]: Json;
}

/** The algebra of whole rules, for a kind whose value is a rule. */
export interface Rules {
  parse(value: unknown, owner: string): Rule;
  judge(rule: Rule): Judge;
  within(child: Rule, parent: Rule): boolean;
  say(rule: Rule): string;
}

export interface Kind {
  readonly name: string;
  /** The value in normal form. @throws Refusal `INVALID_REQUEST` saying what `owner` must be. */
  parse(value: unknown, owner: string, rules: Rules): Json;
  judge(value: Json, rules: Rules): Judge;
  /** Whether `child` permits nothing that `parent` does not. */
  within(child: Json, parent: Json, rules: Rules): boolean;
  /** The rule in words, after "must". */
  say(value: Json, rules: Rules): string;
  /** All values it permits, where these are few: then they decide containment in a rule of any other kind. */
  values?(value: Json): readonly Json[];
  /** It permits everything, so every rule is within it. */
  readonly open?: true;
}

export const wrongType = (wanted: string): No => ({ malformed: true, why: `must be ${wanted}` });
export const refused = (why: string): No => ({ malformed: false, why });
