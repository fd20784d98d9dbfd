/** What the room of scopes is asked and what it answers. Lists of reasons: empty means yes. */
import { sha256Hex } from '#digest';
import type { Json } from '../base/canonical.ts';
import type { Code } from '../base/refusal.ts';

/** One attempted use. */
export interface Act {
  readonly capability: string;
  readonly resource: string;
  readonly arguments?: { readonly [name: string]: Json };
}

/** Something of a child that its parent does not contain. */
export interface Excess {
  /** A capability, or the member of the scope: `argument_rules`, `limits`, `enforcement_triggers`, `measurement_types`. */
  readonly capability: string;
  readonly pattern: string;
  /** What the parent holds there. */
  readonly parent: readonly string[];
  /** Present where it could not be decided in bounded work, which counts as no. */
  readonly note?: 'too complex to decide';
}

/** Why a scope does not permit an act. */
export interface Denial {
  readonly code: Code & ('PERMISSION_DENIED' | 'INVALID_REQUEST');
  /** The part of the scope that said no. */
  readonly rule: string;
  readonly message: string;
}

const SHOWN = 64;

/** A value from outside in a message: itself, or the digest that finds it again where it is longer than 64 characters. */
export function shown(text: string): string {
  return text.length <= SHOWN ? JSON.stringify(text) : `(${text.length} characters, sha256 ${sha256Hex(text)})`;
}
