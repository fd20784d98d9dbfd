/** The ports: what the pure rooms and the sequencer need of the world, as interfaces: a store, keys, caches, archives and a clock. */

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
  /** Stored nodes of the hash tree that this entry completes; never read back with the row. */
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

/** The end of the chain; written in the same transaction as the rows that it covers. */
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
 * Decides what to append, given the rows that the caller has not seen (`news`) and the head; null for nothing. If the
 * store gives `early`, it may be shown the first rows of the batch while the others are being decided; the batch still
 * has all of them.
 */
export type Decide = (news: readonly Row[], head: Head | null, early?: (rows: readonly Row[]) => void) => Batch | null;
export type Follow = (rows: readonly Row[]) => void | Promise<void>;

/**
 * An append-only log shared by many processes. Errors: `CHAIN_CONTENDED` if the lock was not available or the database
 * is away; after any other failure of `commit` the outcome is unknown, and the caller must read to find out.
 */
export interface Store {
  read(query: Query): Promise<Page>;
  /**
   * Takes the lock, shows `decide` every row from `size` on and the head, and appends the batch that it returns, all or
   * nothing. When the promise resolves, every process can read the batch; `durable` says when it survives a power cut.
   * `decide` is called again only if its first batch was certainly not written. What it throws is passed on after a
   * rollback.
   */
  commit(
    size: number,
    decide: Decide,
    /** May be shown rows from `size` on before the lock is taken; then `decide` gets only the later ones. */
    follow?: Follow,
  ): Promise<void>;
  /** Calls back when another process may have appended, if the store can tell; only a hint, which may be lost. Returns the unsubscriber. */
  onNews?(listener: () => void): () => void;
  /**
   * Resolves when the chain up to this end, which was read or committed, survives a power cut. If it rejects, no caller
   * may be told that those entries exist. `idle`: the caller has nothing else to do until then.
   */
  durable(end: End, idle: boolean): Promise<void>;
  close(): Promise<void>;
}

/** The hash tree over a store's entries, as the store keeps it. */
export interface Tree {
  /**
   * Stored nodes of a level (0: the leaf hashes; 8, 16, …) from `first` on without a gap, at most `count`, in lower-case
   * hex. Above the leaves some may be missing: they can be computed from the level below.
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

/** A file that is being written, with what an interrupted writer before us left of it. */
export interface Draft {
  /** Notes kept beside it, oldest first. Like the bytes, they are not trusted: anybody may have changed them. */
  readonly notes: readonly string[];
  /** The first bytes, in pieces; fewer than `bytes` if there are no more. */
  read(bytes: number): AsyncIterable<Uint8Array>;
  /** Cuts it back to this many bytes and notes. */
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
  /** The log's key with this public half, if it was provided as the next key; for a log that has changed to it. */
  successor?(publicKey: Uint8Array): Signer | undefined;
}

/** Ids that may be used once, shared by every process that accepts proofs for the same authority. */
export interface Nonces {
  /** True for exactly one caller; remembered until `until`, in milliseconds since the epoch. */
  once(id: string, until: number): Promise<boolean>;
}

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Clock = () => number;
