/**
 * What an installation remembers of its witnesses, as two files beside the chain.
 *
 * `witnesses.json` is written by people alone: `{"witnesses":[{"url":"…","key":"<verifier key>"}]}`.
 * `cosignatures.json` holds cosigned checkpoints, `{"checkpoints":["<note>", …]}`, and is written by every process that
 * asks. What is lost of it costs a request: the witness is asked once more.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseStrict } from '../base/strict-json.ts';
import { CannotStart } from '../cannot-start.ts';
import type { VerifierKey } from '../chain/checkpoint.ts';
import { parseWitnessKey } from '../chain/cosignature.ts';
import { type Cosigned, judged, withLine } from '../evidence/cosigned.ts';
import { fileCache } from '../store/file-cache.ts';
import { addressIn } from './address.ts';
import { withLockFile } from './lock-file.ts';

/** A witness as it was pinned. */
export interface Pinned {
  readonly url: string;
  /** C2SP verifier key, of the type 0x04. */
  readonly key: string;
}

export interface Witness extends Pinned {
  readonly verifier: VerifierKey;
}

/** A note takes no more than a hundred signatures, and nobody has so many witnesses. */
export const MOST_WITNESSES = 32;

const LIST = z.strictObject({
  witnesses: z.array(z.strictObject({ url: z.string(), key: z.string() })).max(MOST_WITNESSES),
});
const KEPT = z.strictObject({ checkpoints: z.array(z.string()) });

export class Book {
  readonly #list: string;
  readonly #kept: string;
  readonly #log: () => string;
  #seen: { readonly stamp: string; readonly cosigned: readonly Cosigned[] } | undefined;

  /** `home`: where the authority keeps its files. `log`: verifier key of the log, the present one. */
  constructor(home: string, log: () => string) {
    this.#list = join(home, 'witnesses.json');
    this.#kept = join(home, 'cosignatures.json');
    this.#log = log;
  }

  /** In the order in which they were added. Throws `CannotStart` where the file is not ours. */
  async witnesses(): Promise<readonly Witness[]> {
    const bytes = await fileCache(this.#list).load();
    if (!bytes) return [];
    try {
      return LIST.parse(parseStrict(bytes)).witnesses.map(({ url, key }) => {
        const verifier = parseWitnessKey(key);
        const address = addressIn(url, true);
        // A secret in the address would be shown with every list of witnesses, and in logs.
        if (!verifier || 'wrong' in address) throw new TypeError('not a witness');
        return { url: address.url, key, verifier };
      });
    } catch {
      throw new CannotStart(
        `${this.#list} cannot be understood. Correct it, or remove it and add the witnesses again.`,
      );
    }
  }

  /** Changes the list; what another process changes at the same time stays. Throws `CannotStart`, and what `edit` throws. */
  change(edit: (witnesses: readonly Pinned[]) => readonly Pinned[]): Promise<void> {
    return this.#locked(this.#list, async () => {
      const witnesses = edit(await this.witnesses()).map(({ url, key }) => ({ url, key }));
      await write(this.#list, `${JSON.stringify({ witnesses }, null, 2)}\n`);
    });
  }

  /** Checkpoints with the cosignatures that hold of the witnesses pinned now, newest first. */
  async cosigned(): Promise<readonly Cosigned[]> {
    const log = this.#log();
    const stamp = `${await stampOf(this.#kept)} ${await stampOf(this.#list)} ${log}`;
    if (this.#seen?.stamp === stamp) return this.#seen.cosigned;
    const verifiers = (await this.witnesses()).map(({ verifier }) => verifier);
    const cosigned = verifiers.length === 0 ? [] : judged(await this.#notes(), log, verifiers);
    this.#seen = { stamp, cosigned };
    return cosigned;
  }

  /** Keeps a cosignature that was judged. Throws `CannotStart` where it cannot be written. */
  keep(checkpoint: string, line: string): Promise<void> {
    return this.#locked(this.#kept, async () => {
      const checkpoints = withLine(await this.#notes(), checkpoint, line);
      await write(this.#kept, JSON.stringify({ checkpoints }));
    });
  }

  /** The system's own errors are about the folder. */
  async #locked(path: string, change: () => Promise<void>): Promise<void> {
    await withLockFile(`${path}.lock`, change).catch((error: NodeJS.ErrnoException) => {
      throw error.syscall === undefined ? error : new CannotStart(`${path} cannot be written: ${error.code}.`);
    });
  }

  /** What cannot be understood is asked for again. */
  async #notes(): Promise<readonly string[]> {
    const bytes = await fileCache(this.#kept).load();
    try {
      return bytes ? KEPT.parse(parseStrict(bytes)).checkpoints : [];
    } catch {
      return [];
    }
  }
}

/** Whole or not at all. Throws `CannotStart`. */
async function write(path: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const file = fileCache(path);
  await file.save(bytes);
  // A cache that cannot be written says nothing.
  const written = await file.load();
  if (!written || Buffer.compare(written, bytes) !== 0) throw new CannotStart(`${path} cannot be written.`);
}

/** Another one for another content: files are replaced, never written into. */
async function stampOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    ({ ino, mtimeNs, size }) => `${ino}.${mtimeNs}.${size}`,
    () => 'none',
  );
}
