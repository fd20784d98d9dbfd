/** Finds the text of entries that were archived: an entry without text is one of them, and its hash says which text it was. */
import { Refusal } from '../../base/refusal.ts';
import type { Row } from '../../ports.ts';
import type { Archived } from './shelf.ts';
import { TileFolder } from './tile-folder.ts';

export interface ReadingOptions {
  /** Asks the database; only where an entry without text is met. */
  archived(): Promise<Archived | null>;
  /** Where the archive is on this machine; where the database says when null. */
  readonly folder: string | null;
}

type Bare = Pick<Row, 'sequence_number' | 'entry_hash' | 'entry'>;

/** Whether the text of the row is elsewhere: no entry is empty. */
export const isBare = ({ entry }: Pick<Row, 'entry'>): boolean => entry === '';

export class ArchiveReading {
  readonly #options: ReadingOptions;
  #known: { readonly files: TileFolder; readonly size: number } | undefined;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** The same rows, each with its text. @throws Refusal as `TileFolder`, and `CHAIN_BROKEN` where no archive covers one. */
  async fill<T extends Bare>(rows: readonly T[]): Promise<readonly T[]> {
    if (!rows.some(isBare)) return rows;
    const filled: T[] = [];
    for (const row of rows) filled.push(isBare(row) ? { ...row, entry: await this.text(row) } : row);
    return filled;
  }

  async text(row: Bare): Promise<string> {
    const known = this.#known;
    if (known && row.sequence_number < known.size) {
      try {
        return await known.files.text(row);
      } catch (error) {
        // The archive may have been moved since we asked where it is.
        this.#known = await this.#ask(row);
        if (this.#known.files === known.files) throw error;
      }
    } else this.#known = await this.#ask(row);
    return this.#known.files.text(row);
  }

  async #ask({ sequence_number: at }: Bare): Promise<{ files: TileFolder; size: number }> {
    const archived = await this.#options.archived();
    if (!archived || at >= archived.size)
      throw new Refusal('CHAIN_BROKEN', `Entry ${at} has no text, and no archive has it.`, {
        hint: 'Somebody has changed the database. Restore it from a backup, then run: aga-delegate verify',
      });
    const path = this.#options.folder ?? archived.folder;
    const files = this.#known?.files.path === path ? this.#known.files : new TileFolder(path, archived.origin);
    return { files, size: archived.size };
  }
}
