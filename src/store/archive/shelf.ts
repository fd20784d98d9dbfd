/** What a database knows of its archive, and how the text of archived entries leaves it. */

export interface Archived {
  /** Absolute path on the machine that archived. */
  readonly folder: string;
  /** Entries that stand in the files: those below this number. */
  readonly size: number;
  /** Entries whose text was taken out, but for those that were spared: those below this number. */
  readonly removed: number;
  /** Name of the chain's log: the first line of each of its checkpoints. */
  readonly origin: string;
}

export interface SignedSize {
  readonly size: number;
  readonly note: string;
}

/** Steps of the one who archives. All of them may be repeated. */
export interface Shelf {
  archived(): Promise<Archived | null>;
  /** The earliest signed checkpoint over at least so many entries. */
  checkpointFrom(size: number): Promise<SignedSize | undefined>;
  /** Bytes of text that entries `first` up to `end` still hold. */
  weigh(first: number, end: number): Promise<number>;
  /** Whether this connection may do what follows. Throws its refusal where it may not. */
  mayRemove(): Promise<void>;
  /**
   * Writes down that the files in `folder` hold all entries below `size`; durable when it resolves. False, and nothing is
   * written, where another run has changed what was recorded `before`: what that one takes out is in its own folder.
   */
  record(folder: string, size: number, before: Archived | null): Promise<boolean>;
  /** Takes the text of entries `first` up to `end` out, of those that the record covers, but for `spared`; answers of how many. */
  thin(first: number, end: number, spared: readonly number[]): Promise<number>;
  /** Numbers behind `after` of the entries of these kinds that have kept their text below `end`, at most 1,000. */
  kept(kinds: readonly string[], after: number, end: number): Promise<readonly number[]>;
  /** Gives what was freed back: to the next entries, or with `compact` to the disk. */
  tidy(compact: boolean): Promise<void>;
  close(): Promise<void>;
}
