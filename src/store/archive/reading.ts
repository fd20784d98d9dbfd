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

/** Entries looked up at once: each may stand in a file of its own, and all of them in memory. */
const ABREAST = 32;

type Bare = Pick<Row, 'sequence_number' | 'entry_hash' | 'entry'>;

/** Whether the text of the row is elsewhere: no entry is empty. */
export const isBare = ({ entry }: Pick<Row, 'entry'>): boolean => entry === '';

export class ArchiveReading {
  readonly #options: ReadingOptions;
  #known: Place | undefined;
  #asking: Promise<Place | undefined> | undefined;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** The same rows, each with its text. @throws Refusal as `TileFolder`, and `CHAIN_BROKEN` where no archive covers one. */
  async fill<T extends Bare>(rows: readonly T[]): Promise<readonly T[]> {
    if (!rows.some(isBare)) return rows;
    const filled: T[] = [];
    for (let at = 0; at < rows.length; at += ABREAST) {
      const part = rows.slice(at, at + ABREAST);
      const texts = part.map((row) => (isBare(row) ? this.text(row) : row.entry));
      // Each is awaited by its own promise: one that fails leaves none behind unheard.
      const ended = await Promise.allSettled(texts);
      for (const [i, each] of ended.entries()) {
        if (each.status === 'rejected') throw each.reason;
        filled.push({ ...part[i]!, entry: each.value });
      }
    }
    return filled;
  }

  async text(row: Bare): Promise<string> {
    const place = await this.#placeOf(row);
    try {
      return await place.files.text(row);
    } catch (error) {
      // The archive may have been moved since we asked where it is.
      if (performance.now() - place.asked < AGAIN) throw error;
      const now = await this.#ask(row);
      if (now.files === place.files) throw error;
      return now.files.text(row);
    }
  }

  async #placeOf(row: Bare): Promise<Place> {
    const known = this.#known;
    return known && row.sequence_number < known.size ? known : this.#ask(row);
  }

  /** Many that ask at once share one answer. */
  async #ask({ sequence_number: at }: Bare): Promise<Place> {
    const before = this.#known;
    this.#asking ??= this.#find(before).finally(() => {
      this.#asking = undefined;
    });
    const found = await this.#asking;
    if (found && at < found.size) {
      this.#known = found;
      return found;
    }
    throw new Refusal('CHAIN_BROKEN', `Entry ${at} has no text, and no archive has it.`, {
      hint: 'Somebody has changed the database. Restore it from a backup, then run: aga-delegate verify',
    });
  }

  async #find(before: Place | undefined): Promise<Place | undefined> {
    const archived = await this.#options.archived();
    if (!archived) return undefined;
    const path = this.#options.folder ?? archived.folder;
    const files = before?.files.path === path ? before.files : new TileFolder(path, archived.origin);
    return { files, size: archived.size, asked: performance.now() };
  }
}

interface Place {
  readonly files: TileFolder;
  readonly size: number;
  /** When the database said so. */
  readonly asked: number;
}

/** Milliseconds after which a missing file is looked up in the database again. */
const AGAIN = 200;
