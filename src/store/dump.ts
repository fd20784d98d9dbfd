/** A chain as its tables hold it, to be put into another store unchanged: every list in the order of the chain or of its index. */

export interface Dump {
  /** Entries that there are; nobody adds one until the dump is closed. */
  readonly size: number;
  /** Those that were archived come without their text. */
  entries(): Iterable<readonly DumpedEntry[]>;
  touches(): Iterable<readonly DumpedTouch[]>;
  nodes(): Iterable<readonly DumpedNode[]>;
  /** Every signed head there ever was. */
  checkpoints(): Iterable<readonly DumpedCheckpoint[]>;
  close(): void;
}

export interface DumpedEntry {
  readonly seq: number;
  /** Hex, as all hashes here. */
  readonly hash: string;
  readonly kind: string;
  readonly entry: string;
}

export interface DumpedTouch {
  readonly artifact: string;
  readonly direct: number;
  readonly seq: number;
}

export interface DumpedNode {
  readonly level: number;
  readonly idx: number;
  readonly hash: string;
}

export interface DumpedCheckpoint {
  readonly size: number;
  readonly note: string;
}
