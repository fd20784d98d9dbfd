/** The files of an archive, read back entry by entry; nothing of them is believed that does not have the hash that the database kept. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#digest';
import { Refusal } from '../../base/refusal.ts';
import type { Row } from '../../ports.ts';
import { BUNDLE, entriesOf, tilePath } from './bundle.ts';

/** Bundles kept in memory: a page of a thousand entries needs five. */
const KEPT = 16;
const MOUNT =
  'Make the folder of the archive readable at its old place, or name its new place with AGA_ARCHIVE_DIR; nothing is lost as long as that folder is.';
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
   * holds something else.
   */
  async text({ sequence_number: at, entry_hash }: Pick<Row, 'sequence_number' | 'entry_hash'>): Promise<string> {
    const tile = Math.floor(at / BUNDLE);
    const bytes = (await this.#bundle(tile))[at % BUNDLE];
    const leaf = bytes && sha256Hex(Buffer.concat([LEAF, bytes]));
    if (bytes && leaf === entry_hash) return decoder.decode(bytes);
    throw await this.#spoilt(
      `Entry ${at} in the archive's file ${tilePath('entries', tile)} is not the one that was archived.`,
    );
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
    const bytes = await readFile(join(this.path, name)).catch((error: NodeJS.ErrnoException) => {
      const which = `Entries ${tile * BUNDLE} to ${(tile + 1) * BUNDLE - 1} were moved to the archive, and its file ${name}`;
      const why = error.code === 'ENOENT' ? 'is not there' : `cannot be read (${error.code ?? 'unknown'})`;
      throw new Refusal('INTERNAL', `${which} ${why}.`, { hint: MOUNT });
    });
    const entries = entriesOf(bytes);
    if (entries?.length === BUNDLE) return entries;
    throw await this.#spoilt(`The archive's file ${name} is damaged.`);
  }

  /** Nobody has tampered with a folder that is only not the one that was meant. */
  async #spoilt(message: string): Promise<Refusal> {
    const note = await readFile(join(this.path, 'checkpoint'), 'utf8').catch(() => this.#origin);
    return note.split('\n')[0] === this.#origin
      ? new Refusal('CHAIN_BROKEN', message, { hint: RESTORE })
      : new Refusal('INTERNAL', 'The folder of the archive holds the archive of another chain.', { hint: MOUNT });
  }
}

/** RFC 9162 section 2.1.1: what stands before a leaf. */
const LEAF = Uint8Array.of(0);
