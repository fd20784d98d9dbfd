/** A chain that lives as long as the process: the store of most tests. */
import type {
  Archive,
  Batch,
  Cache,
  Draft,
  Head,
  Index,
  Page,
  Query,
  Row,
  Store,
  Tallied,
  Touch,
  Tree,
} from '../../src/ports.ts';
import { checkBatch } from '../../src/store/batch.ts';
import { touchesOf } from '../../src/store/touches.ts';

export class MemoryStore implements Store, Tree, Index {
  readonly #rows: Row[] = [];
  readonly #checkpoints = new Map<number, string>();
  #head: Head | null = null;

  async read({ after, limit, kind, names, within }: Query): Promise<Page> {
    const rows: Row[] = [];
    for (let at = Math.max(0, after + 1); at < this.#rows.length && rows.length < limit; at++) {
      const row = this.#rows[at]!;
      if (kind !== undefined && row.kind !== kind) continue;
      if (names !== undefined && !row.names.includes(names)) continue;
      if (within !== undefined && !row.within.includes(within) && !row.names.includes(within)) continue;
      rows.push(shown(row));
    }
    return { rows, head: this.#head };
  }

  async commit(size: number, decide: (news: readonly Row[], head: Head | null) => Batch | null): Promise<void> {
    // Every other store waits for its lock here; callers must not come to rely on being run at once.
    await undefined;
    const batch = decide(this.#rows.slice(size).map(shown), this.#head);
    if (batch === null) return;
    checkBatch(batch, this.#rows.length);
    this.#rows.push(...batch.rows);
    this.#checkpoints.set(batch.head.size, batch.head.checkpoint);
    this.#head = batch.head;
  }

  async durable(): Promise<void> {}

  async checkpoint(size: number): Promise<string | undefined> {
    return this.#checkpoints.get(size);
  }

  async nodes(level: number, first: number, count: number): Promise<readonly string[]> {
    const kept =
      level === 0
        ? this.#rows.map((row) => row.entry_hash)
        : this.#rows.flatMap(({ nodes = [] }) => nodes.filter((node) => node.level === level).map(({ hash }) => hash));
    return kept.slice(first, first + count);
  }

  async lacking(touches: readonly Touch[]): Promise<readonly Touch[]> {
    return touches.filter(({ artifact, direct, seq }) => {
      const held = this.#rows.slice(seq, seq + 1).flatMap(touchesOf);
      return !held.some((touch) => touch.artifact === artifact && touch.direct === direct);
    });
  }

  async *tally(size: number): AsyncGenerator<readonly Tallied[]> {
    for (const row of this.#rows.slice(0, size)) yield touchesOf(row).map(({ artifact }) => ({ artifact, many: 1 }));
  }

  async close(): Promise<void> {}
}

export class MemoryCache implements Cache {
  #bytes: Uint8Array | undefined;

  async load(): Promise<Uint8Array | undefined> {
    return this.#bytes?.slice();
  }

  async save(bytes: Uint8Array): Promise<void> {
    this.#bytes = bytes.slice();
  }
}

export class MemoryArchive implements Archive {
  readonly #files = new Map<string, string>();

  async save(id: string, text: string): Promise<string> {
    this.#files.set(id, text);
    return `/evidence/${id}.json`;
  }

  async draft(): Promise<MemoryDraft & { finish(id: string): Promise<string> }> {
    const draft = new MemoryDraft();
    const finish = (id: string) => this.save(id, new TextDecoder().decode(draft.bytes()));
    return Object.assign(draft, { finish });
  }

  async load(id: string): Promise<Uint8Array | undefined> {
    const text = this.#files.get(id);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  }

  idOf(path: string): string | undefined {
    return /^\/evidence\/([0-9a-z-]+)\.json$/.exec(path)?.[1];
  }

  open(path: string): Promise<Uint8Array | undefined> {
    return this.load(this.idOf(path) ?? '');
  }
}

/** What it holds is kept as long as somebody holds it. */
export class MemoryDraft implements Draft {
  readonly notes: string[] = [];
  #bytes: Uint8Array = new Uint8Array();

  bytes(): Uint8Array {
    return this.#bytes;
  }

  async *read(bytes: number): AsyncGenerator<Uint8Array> {
    yield this.#bytes.subarray(0, bytes);
  }

  async rewind(bytes: number, notes: number): Promise<void> {
    this.#bytes = this.#bytes.slice(0, bytes);
    this.notes.length = notes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const longer = new Uint8Array(this.#bytes.length + bytes.length);
    longer.set(this.#bytes);
    longer.set(bytes, this.#bytes.length);
    this.#bytes = longer;
  }

  async note(line: string): Promise<void> {
    this.notes.push(line);
  }

  async close(): Promise<void> {}
}

const shown = ({ nodes: _, ...row }: Row): Row => ({ ...row, names: [], within: [] });
