/** What a verifier is asked: what is believed beforehand, when it is, and what is shown beside the evidence. */
import type { Json } from '../base/canonical.ts';

/** What the judge believes beforehand, and when it is. */
export interface Trust {
  /** did:key of the authority. */
  readonly trust: string;
  /** C2SP verifier key of the log, where it is known as well: the present one, or one that led to it. */
  readonly logKey?: string | undefined;
  /** Milliseconds since the epoch; what is dated later (by more than clocks differ) is refused. Any time when absent. */
  readonly at?: number | undefined;
  /** Verifier keys of witnesses (C2SP tlog-cosignature), and how many of them must have cosigned. */
  readonly witnesses?: { readonly keys: readonly string[]; readonly quorum: number } | undefined;
}

/** Of one call. */
export type Arguments = { readonly [name: string]: Json };

export interface Question extends Trust {
  /** Arguments of calls, shown beside the bundle: those whose digest a decision names are judged. */
  readonly disclosed?: readonly Arguments[] | undefined;
  /** Told of how much is judged: entries, and how many there are. Each is read and judged in turn, so it counts halves. */
  readonly watch?: ((done: number, total: number) => void) | undefined;
}
