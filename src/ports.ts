/** The seam between the law and the world: what a store, a key ring and a clock must be able to do. */

/** One entry of the chain as it is stored. */
export interface Row {
  readonly sequence_number: number;
  /** RFC 9162 leaf hash of `entry`, lower-case hex. */
  readonly entry_hash: string;
  /** The entry in RFC 8785 form: exactly the hashed bytes. */
  readonly entry: string;
  readonly kind: string;
  /** The artifacts that the entry names (lower-case hex hashes). */
  readonly names: readonly string[];
  /** `names` and all their ancestors: whose subtrees the entry belongs to. */
  readonly within: readonly string[];
  /** Nodes of the hash tree that the entry completes, of those that are kept; never read back with the row. */
  readonly nodes?: readonly TreeNode[];
}

/** The root of the perfect subtree over the entries from `index`·2^`level` up to (`index` + 1)·2^`level`. */
export interface TreeNode {
  /** 8, 16, 24, …: a node for every 256 below it. */
  readonly level: number;
  readonly index: number;
  /** Lower-case hex. */
  readonly hash: string;
}

/** Where the chain ends; written in the same transaction as the rows it covers. */
export interface Head {
  /** Number of entries. */
  readonly size: number;
  /** Hash of the last entry, lower-case hex. */
  readonly entry_hash: string;
  /** The signed C2SP checkpoint over `size` entries. */
  readonly checkpoint: string;
}

export type End = Pick<Head, 'size' | 'entry_hash'>;

export interface Batch {
  readonly rows: readonly Row[];
  readonly head: Head;
}

export interface Query {
  /** Only entries with a greater sequence number; -1 for all. */
  readonly after: number;
  readonly limit: number;
  readonly kind?: string;
  /** Only entries that name this artifact. */
  readonly names?: string;
  /** Only entries that name this artifact or a descendant of it. */
  readonly within?: string;
}

/** Rows oldest first and the head, of one consistent view. A row read back has empty `names` and `within`. */
export interface Page {
  readonly rows: readonly Row[];
  readonly head: Head | null;
}

/**
 * What is to be appended behind `news`, the rows that the caller has not seen, and the head. Where a store gives `early`,
 * it may be told the first rows of the batch while the others are being decided; the batch still has all of them.
 */
export type Decide = (news: readonly Row[], head: Head | null, early?: (rows: readonly Row[]) => void) => Batch | null;
export type Follow = (rows: readonly Row[]) => void | Promise<void>;

/**
 * An append-only log shared by many processes. Errors: `CHAIN_CONTENDED` when the lock could not be had or the database
 * is away; any other failure of `commit` leaves the outcome unknown, and the caller reads to find out.
 */
export interface Store {
  read(query: Query): Promise<Page>;
  /**
   * Takes the one right to append, shows `decide` every row from `size` on and the head, and appends what it returns,
   * all or nothing; everybody reads it when the promise resolves, and `durable` says when it stays. `decide` is
   * synchronous and may be called again after a rollback only if its batch was certainly not written; `null` appends
   * nothing; what it throws is passed on after a rollback.
   */
  commit(
    size: number,
    decide: Decide,
    /** May be shown rows from `size` on before the right is had; then `decide` gets those behind them. */
    follow?: Follow,
  ): Promise<void>;
  /** Calls back when another process may have appended, where the store can tell; a hint, which may be lost. Returns the unsubscriber. */
  onNews?(listener: () => void): () => void;
  /**
   * Resolves when the chain up to an end that was read or committed survives a power cut; where that fails, nobody may be
   * told that it happened. `idle`: the caller has nothing else to do until then.
   */
  durable(end: End, idle: boolean): Promise<void>;
  close(): Promise<void>;
}

/** The hash tree over a store's entries, as the store keeps it. */
export interface Tree {
  /**
   * Nodes of a level (0: the leaf hashes; 8, 16, …), `first` and those that follow it without a gap, at most `count`, in
   * lower-case hex. Above the leaves fewer may be kept than there are: they are computed from those below.
   */
  nodes(level: number, first: number, count: number): Promise<readonly string[]>;
}

/** An entry is about an artifact: it names it (`direct` 1), or only a descendant of it (0). */
export interface Touch {
  /** Lower-case hex. */
  readonly artifact: string;
  readonly direct: 0 | 1;
  readonly seq: number;
}

/** How a store finds the entries of an artifact, laid open to an audit: what is missing there is shown to nobody who asks. */
export interface Index {
  /** Those of the touches that it does not hold. */
  lacking(touches: readonly Touch[]): Promise<readonly Touch[]>;
  /**
   * How many touches it holds of each artifact, of entries below `size` and of those that there are not, in parts; an
   * artifact may come several times.
   */
  tally(size: number): AsyncIterable<readonly Tallied[]>;
}

export interface Tallied {
  readonly artifact: string;
  readonly many: number;
}

/** Keeps one blob beside a store: a snapshot. Losing it costs time, never truth. */
export interface Cache {
  load(): Promise<Uint8Array | undefined>;
  save(bytes: Uint8Array): Promise<void>;
}

/** A file that is being written, with what a writer before us, who was interrupted, has left of it. */
export interface Draft {
  /** Lines that were noted beside it, oldest first. Like the bytes, they may have been changed by anybody. */
  readonly notes: readonly string[];
  /** The first so many bytes, in pieces; fewer where there are no more. */
  read(bytes: number): AsyncIterable<Uint8Array>;
  /** Forgets all but the first so many bytes and notes. */
  rewind(bytes: number, notes: number): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  note(line: string): Promise<void>;
  /** Leaves it for the next writer. */
  close(): Promise<void>;
}

/** Where exported evidence is kept: whole files, each under a name of `[0-9a-z-]`. */
export interface Archive {
  /** Writes a file, whole or not at all; answers its absolute path. */
  save(id: string, text: string): Promise<string>;
  /** A file that will be kept: `finish` gives it its name, once it is whole, and answers its absolute path. */
  draft(name: string): Promise<Draft & { finish(id: string): Promise<string> }>;
  load(id: string): Promise<Uint8Array | undefined>;
  /** The name of the file at this path, if it is one of these. */
  idOf(path: string): string | undefined;
  /** Any file that this process can read; for the operator only. */
  open(path: string): Promise<Uint8Array | undefined>;
}

/** An Ed25519 key whose secret half stays behind the function. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface Keys {
  /** Signs artifacts and the genesis entry: the root of trust. */
  readonly authority: Signer;
  /** Signs checkpoints. */
  readonly log: Signer;
  /** The key of the log with this public half, looked for where the next one is brought; for a log that went over to it. */
  successor?(publicKey: Uint8Array): Signer | undefined;
}

/** What may be used once: shared by every process that accepts proofs for the same authority. */
export interface Nonces {
  /** True for exactly one caller; remembered until `until`, in milliseconds since the epoch. */
  once(id: string, until: number): Promise<boolean>;
}

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Clock = () => number;
