/**
 * Makes commits durable without holding the event loop.
 *
 * With `synchronous = NORMAL` a commit is in SQLite's write-ahead log (`-wal`) but not yet on the disk; SQLite itself
 * syncs the log before it copies any of it into the database (sqlite.org/pragma.html#pragma_synchronous). What is missing
 * for a promise to a caller is one sync of that file after the commit, and another thread can do that while this one
 * reads the next requests. A sync also covers whatever other processes appended before it.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import { Refusal } from '../../base/refusal.ts';

const elsewhere = promisify(fdatasync);

export class WriteAheadLog {
  readonly #file: number;
  /** The sync on its way, and the one that begins after it for all that was committed meanwhile. */
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: Refusal | undefined;

  /**
   * Of the database at this path, which must have been read from and stay open: then SQLite has made the file, and keeps
   * it. It is opened now, while there is a descriptor to be had for it. @throws what the file system throws
   */
  constructor(database: string) {
    this.#file = openSync(`${realpathSync(database)}-wal`, 'r+');
  }

  /**
   * Resolves when everything committed so far is on the disk. Where this thread has nothing else to do (`idle`) it waits
   * itself: the way to another thread and back takes half as long as the disk.
   * @throws Refusal `INTERNAL`, now and ever after: a disk that failed once may forget pages and call the next sync done.
   */
  async sync(idle: boolean): Promise<void> {
    this.refuseAfterFailure();
    if (idle && !this.#running) {
      void this.#attempt(() => fdatasyncSync(this.#file));
    } else {
      this.#next ??= this.#follow();
      await this.#next;
    }
    this.refuseAfterFailure();
  }

  refuseAfterFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#running);
    closeSync(this.#file);
  }

  async #follow(): Promise<void> {
    await this.#running;
    this.#next = undefined;
    this.#running = this.#attempt(() => elsewhere(this.#file));
    await this.#running;
    this.#running = undefined;
  }

  async #attempt(sync: () => void | Promise<void>): Promise<void> {
    try {
      await sync();
    } catch {
      this.#failure = new Refusal('INTERNAL', 'The disk failed while an entry was written; it may not be kept.', {
        hint: 'Check the disk, then start again and run: aga-delegate verify',
      });
    }
  }
}
