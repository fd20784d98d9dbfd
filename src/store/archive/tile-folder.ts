/** The files of an archive, read back entry by entry; nothing of them is believed that does not have the hash that the database kept. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#digest';
import { Refusal } from '../../base/refusal.ts';
import { BUNDLE, entriesOf, tilePath } from '../../base/tlog-tiles.ts';
import type { Row } from '../../ports.ts';

/** Bundles kept in memory: a page of a thousand entries needs five. */
const KEPT = 16;
const MOUNT =
  'Make the folder of the archive readable at its old place, which aga-delegate doctor names, or name its new place with AGA_ARCHIVE_DIR; nothing is lost as long as that folder is.';
const RESTORE = 'Restore that file from a copy of the archive; the database still has the hash of what was in it.';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class TileFolder {
  readonly path: string;
  readonly #bundles = new Map<number, Promise<readonly Uint8Array[]>>();

  readonly #origin: string;

  /** `origin`: name of the log whose archive it is. */
  constructor(path: string, origin: string) {
    this.path = path;
    this.#origin = origin;
  }

  /**
   * The text of an archived entry.
   *
   * @throws Refusal `INTERNAL` where the file is not there, cannot be read, or is another log's; `CHAIN_BROKEN` where it
   * holds something else. `lostBy` tells what is lost with a file of an archive that is there.
   */
  async text({ sequence_number: at, entry_hash }: Pick<Row, 'sequence_number' | 'entry_hash'>): Promise<string> {
    const tile = Math.floor(at / BUNDLE);
    const bytes = (await this.#bundle(tile))[at % BUNDLE];
    const leaf = bytes && sha256Hex(Buffer.concat([LEAF, bytes]));
    if (bytes && leaf === entry_hash) return decoder.decode(bytes);
    // Put back, the file is read again.
    this.#bundles.delete(tile);
    const name = tilePath('entries', tile);
    throw await this.#spoilt(tile, `Entry ${at} in the archive's file ${name} is not the one that was archived.`);
  }

  #bundle(tile: number): Promise<readonly Uint8Array[]> {
    const known = this.#bundles.get(tile);
    if (known) return known;
    const read = this.#read(tile);
    this.#bundles.set(tile, read);
    // What is missing now may be mounted in a moment.
    read.catch(() => this.#bundles.delete(tile));
    for (const oldest of this.#bundles.keys()) {
      if (this.#bundles.size <= KEPT) break;
      this.#bundles.delete(oldest);
    }
    return read;
  }

  async #read(tile: number): Promise<readonly Uint8Array[]> {
    const name = tilePath('entries', tile);
    const bytes = await readFile(join(this.path, name)).catch(async (error: NodeJS.ErrnoException) => {
      const detail = rangeOf(tile);
      const which = `Entries ${detail.first} to ${detail.last} were moved to the archive, and its file ${name}`;
      const why = error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code ?? 'unknown'})`;
      // Where the rest of the archive is, mounting it would not help.
      const isHere = (await this.#origins()) === this.#origin;
      throw new Refusal('INTERNAL', `${which} ${why}.`, isHere ? { hint: RESTORE, detail } : { hint: MOUNT });
    });
    const entries = entriesOf(bytes);
    if (entries?.length === BUNDLE) return entries;
    throw await this.#spoilt(tile, `The archive's file ${name} is damaged.`);
  }

  /** Nobody has tampered with a folder that is only not the one that was meant. */
  async #spoilt(tile: number, message: string): Promise<Refusal> {
    return ((await this.#origins()) ?? this.#origin) === this.#origin
      ? new Refusal('CHAIN_BROKEN', message, { hint: RESTORE, detail: rangeOf(tile) })
      : new Refusal('INTERNAL', 'The folder of the archive holds the archive of another chain.', { hint: MOUNT });
  }

  /** Whose archive the folder says it is; undefined where it says nothing. */
  async #origins(): Promise<string | undefined> {
    const note = await readFile(join(this.path, 'checkpoint'), 'utf8').catch(() => undefined);
    return note?.split('\n')[0];
  }
}

/** Entries whose text is lost with one file of the archive; in the detail of the refusal that says so. */
export interface Lost {
  readonly first: number;
  readonly last: number;
}

const rangeOf = (tile: number): Lost => ({ first: tile * BUNDLE, last: (tile + 1) * BUNDLE - 1 });

/** What a refusal says to be lost; undefined for one that says something else. */
export function lostBy({ detail }: Refusal): Lost | undefined {
  const { first, last } = (detail ?? {}) as Partial<Lost>; // a detail may be anything: only read
  return typeof first === 'number' && typeof last === 'number' ? { first, last } : undefined;
}

/** RFC 9162 section 2.1.1: what stands before a leaf. */
const LEAF = Uint8Array.of(0);
