/** What every kind of event defines: how it is encoded, which artifacts it names, when it is allowed, what it changes. */
import type { Breach } from '../artifact/lineage.ts';
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { State } from './state.ts';

export type Wire = { readonly kind: string; readonly [member: string]: Json };

/** Where on the chain an event stands. */
export interface Position {
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Hash of the entry before, lower-case hex; 64 zeros for the first. */
  readonly previousHash: string;
}

export interface Kind<E> {
  /** Strict: throws `INVALID_REQUEST` for what `encode` would not write. */
  decode(wire: Wire): E;
  encode(event: E): Wire;
  /** The artifacts that the event names. */
  names(event: E): readonly string[];
  /** Throws a refusal when the event may not happen at this position. Only reads. */
  check(state: State, event: E, at: Position): void;
  /** Applies an event that was allowed. Cannot refuse. */
  evolve(state: State, event: E, at: Position): void;
}

/** Throws the first of the broken rules. */
export function uphold(breaches: readonly Breach[]): void {
  const [first] = breaches;
  if (first) throw new Refusal(first.code, first.message, first);
}

/** A request_id as the chain keeps it: digests only. */
export type RequestDigest = {
  /** SHA-256 of caller, tool and request_id. */
  readonly key: string;
  /** SHA-256 of the input. */
  readonly input: string;
};
