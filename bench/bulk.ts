/**
 * A chain appended honestly and carried in bulk: every event is checked by the law, every entry linked and hashed, every
 * batch of 256 signed as a checkpoint, exactly as a replica does it. Only the way into the tables is another: COPY of many
 * batches instead of a transaction for each.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, Head, Page, Query, Row, Store } from '../src/ports.ts';

/** Rows that are copied at once. */
const PART = 50_000;
const COLUMNS = {
  entries: '(chain, seq, hash, kind, entry)',
  touches: '(chain, artifact, direct, seq)',
  nodes: '(chain, level, idx, hash)',
  checkpoints: '(chain, size, note, frontier)',
} as const;
type Table = keyof typeof COLUMNS;

export interface BulkOptions {
  /** The chain as it is; read until the first append. */
  readonly store: Store;
  readonly chain: number;
  /** Statements of the database's superuser: COPY reads files of the server's machine. */
  sql(...statements: string[]): Promise<unknown>;
}

export class Bulk implements Store {
  readonly #options: BulkOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'aga-bench-bulk-'));
  readonly #lines: Record<Table, string[]> = { entries: [], touches: [], nodes: [], checkpoints: [] };
  #head: Head | null = null;
  #copying: Promise<void> = Promise.resolve();
  #parts = 0;

  constructor(options: BulkOptions) {
    this.#options = options;
    // The server runs as another user.
    chmodSync(this.#folder, 0o755);
  }

  async read(query: Query): Promise<Page> {
    return this.#head === null ? this.#options.store.read(query) : { rows: [], head: this.#head };
  }

  async commit(size: number, decide: (news: readonly Row[], head: Head | null) => Batch | null): Promise<void> {
    this.#head ??= (await this.#options.store.read({ after: size - 1, limit: 1 })).head;
    const batch = decide([], this.#head);
    if (batch === null) return;
    for (const row of batch.rows) this.#add(row);
    const { head } = batch;
    this.#put('checkpoints', head.size, text(head.checkpoint), bytes(''));
    this.#head = head;
    if (this.#lines.entries.length >= PART) await this.flush();
  }

  async durable(): Promise<void> {}

  /** Hands what is waiting to the database, once it has taken what came before. */
  async flush(): Promise<void> {
    await this.#copying;
    const part = this.#parts++;
    const copies = Object.entries(this.#lines).map(([table, lines]) => {
      const file = join(this.#folder, `${table}-${part % 2}`);
      writeFileSync(file, lines.splice(0).join(''), { mode: 0o644 });
      return `COPY aga.${table} ${COLUMNS[table as Table]} FROM '${file}'`; // the keys are those of the record
    });
    this.#copying = this.#options.sql(...copies).then(() => undefined);
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#copying;
    rmSync(this.#folder, { recursive: true });
  }

  #add({ sequence_number: seq, entry_hash, kind, entry, names, within, nodes = [] }: Row): void {
    this.#put('entries', seq, bytes(entry_hash), kind, text(entry));
    for (const artifact of new Set(names)) this.#put('touches', bytes(artifact), 1, seq);
    for (const artifact of new Set(within))
      if (!names.includes(artifact)) this.#put('touches', bytes(artifact), 0, seq);
    for (const { level, index, hash } of nodes) this.#put('nodes', level, index, bytes(hash));
  }

  #put(table: Table, ...cells: readonly (string | number)[]): void {
    this.#lines[table].push(`${this.#options.chain}\t${cells.join('\t')}\n`);
  }
}

/** As the text format of COPY has it: a backslash escapes. */
const bytes = (hex: string): string => `\\\\x${hex}`;
const text = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r');
