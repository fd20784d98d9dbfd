/** A chain being followed: the fold of its entries, its right edge, and the sealing of what comes next. */
import { fromHex, toHex } from '../base/encoding.ts';
import { formatInstant, parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { signCheckpoint } from '../chain/checkpoint.ts';
import { type Entry, sealEntry, ZERO_HASH } from '../chain/entry.ts';
import { Frontier, leafHash } from '../chain/tree.ts';
import type { Head, Row, Signer, TreeNode } from '../ports.ts';
import { check, decodeEvent, type Event, encodeEvent, evolve } from './event/index.ts';
import { State } from './state.ts';
import { touchedBy } from './touched.ts';

/** The chain is not what it was: nothing may be built on it. */
export function broken(message: string): Refusal {
  return new Refusal('CHAIN_BROKEN', message);
}

const RENAMED = 'AGA_AUTHORITY is a part of this name: set it as it was, or stop and run: aga-delegate verify';

/** Bytes that carry their own hash are of our writing, or somebody's who knew what he did. */
function read(row: Row): { entry: Entry; event: Event } {
  try {
    const entry = JSON.parse(row.entry) as Entry;
    return { entry, event: decodeEvent(entry.event) };
  } catch {
    throw broken(`Entry ${row.sequence_number} cannot be read.`);
  }
}

/** Every eighth level of the hash tree is stored: a proof then reads a few tiles of 256 hashes, and an append writes little. */
const KEPT_LEVELS = 8;
type Completed = Parameters<Frontier['append']>[1];

export class Ledger {
  readonly origin: string;
  state: State;
  size: number;
  lastHash: string;
  frontier: Frontier;

  constructor(origin: string) {
    this.origin = origin;
    this.state = new State();
    this.size = 0;
    this.lastHash = ZERO_HASH;
    this.frontier = Frontier.of(0, []);
  }

  /** Follows one entry that is on the chain already. Its place and its hash are checked, its lawfulness is not. */
  absorb(row: Row): void {
    const leaf = leafHash(row.entry);
    if (toHex(leaf) !== row.entry_hash) throw broken(`Entry ${row.sequence_number} is not what was hashed.`);
    const { entry, event } = read(row);
    if (entry.sequence_number !== this.size || entry.previous_hash !== this.lastHash) {
      throw broken(`Entry ${row.sequence_number} does not follow the entry before it.`);
    }
    if (entry.chain !== this.origin) {
      const message = `Entry ${row.sequence_number} belongs to the chain "${entry.chain}", not to "${this.origin}".`;
      throw new Refusal('CHAIN_BROKEN', message, { hint: RENAMED });
    }
    const time = parseInstant(entry.timestamp) ?? 0;
    evolve(this.state, event, { sequence: this.size, time, previousHash: this.lastHash });
    this.#follow(leaf, row.entry_hash);
  }

  /** Adds an event at `time` if the law allows it; throws its refusal, and then nothing has changed. */
  append(event: Event, time: number): Row {
    const at = { sequence: this.size, time, previousHash: this.lastHash };
    check(this.state, event, at);
    const wire = encodeEvent(event);
    // What could not be read back must not be written. An artifact was just sealed or opened, and is of its form.
    if (!('sealed' in event)) decodeEvent(wire);
    const sealed = sealEntry({
      chain: this.origin,
      sequence_number: this.size,
      timestamp: formatInstant(time),
      previous_hash: this.lastHash,
      event: wire,
    });
    const entry_hash = toHex(sealed.hash);
    evolve(this.state, event, at);
    const nodes: TreeNode[] = [];
    this.#follow(sealed.hash, entry_hash, (level, index, root) => {
      if (level % KEPT_LEVELS === 0) nodes.push({ level, index, hash: toHex(root) });
    });
    return {
      sequence_number: at.sequence,
      entry_hash,
      entry: sealed.text,
      kind: event.kind,
      ...touchedBy(event, this.state),
      ...(nodes.length > 0 && { nodes }),
    };
  }

  /** The end of the chain as it now is, signed by the log's key; and by `former` too, for those who only know that one. */
  head(log: Signer, ...former: readonly Signer[]): Head {
    const root = this.frontier.root();
    return {
      size: this.size,
      entry_hash: this.lastHash,
      checkpoint: signCheckpoint(this.origin, this.size, root, log, ...former),
    };
  }

  /** Continues from a point that was saved before. */
  resume(size: number, lastHash: string, frontier: readonly string[], state: State): void {
    this.size = size;
    this.lastHash = lastHash;
    this.frontier = Frontier.of(
      size,
      frontier.map((hash) => fromHex(hash) ?? new Uint8Array()),
    );
    this.state = state;
  }

  #follow(leaf: Uint8Array, entryHash: string, completed?: Completed): void {
    this.frontier.append(leaf, completed);
    this.lastHash = entryHash;
    this.size += 1;
  }
}
