/** Commits on their way to the disk: no answer leaves before the disk has what it rests on. */
import { Refusal } from '../base/refusal.ts';
import type { End, Store } from '../ports.ts';
import type { Reader } from '../tools/tool.ts';

export class Landing {
  readonly #store: Pick<Store, 'durable'>;
  readonly #open = new Set<Promise<void>>();
  #firm: End = { size: 0, entry_hash: '' };

  constructor(store: Pick<Store, 'durable'>) {
    this.#store = store;
  }

  /** The end of the chain that is known to be on the disk. */
  get firm(): End {
    return this.#firm;
  }

  /** Whether that many entries are known to be on the disk. */
  has(size: number): boolean {
    return size <= this.#firm.size;
  }

  /**
   * Whether `error` may only mean that entries between the firm end and this one are lost. A database that crashed comes
   * back without them, and no caller was told of them.
   */
  mayForget(error: unknown, { size, entry_hash }: End): boolean {
    if (!(error instanceof Refusal && error.code === 'CHAIN_BROKEN')) return false;
    return size !== this.#firm.size || entry_hash !== this.#firm.entry_hash;
  }

  /** Makes the chain up to this end durable. Throws what the store throws. */
  async commit(end: End, idle: boolean): Promise<void> {
    if (!this.has(end.size)) await this.#make(end, idle);
  }

  /** Resolves when the disk has the chain up to this end, whichever process wrote it. Throws what the store throws. */
  async firmly(end: End): Promise<void> {
    // Our own commits are on their way; another process may have been killed before its commit reached the disk.
    if (this.has(end.size)) return;
    await this.ended();
    // If other entries became firm meanwhile, the store compares them with these.
    if (end.size !== this.#firm.size || end.entry_hash !== this.#firm.entry_hash) await this.#make(end, false);
  }

  async #make(end: End, idle: boolean): Promise<void> {
    await this.#store.durable(end, idle);
    if (!this.has(end.size)) this.#firm = end;
  }

  /** The same reader, showing no head that a power cut could take back. */
  shown(reader: Reader): Reader {
    return {
      ...reader,
      // A getter, because the log may get another key.
      get log() {
        return reader.log;
      },
      read: async (query) => {
        const page = await reader.read(query);
        if (page.head) await this.firmly(page.head);
        return page;
      },
    };
  }

  /** Calls `answer` once `durable` resolves, `fail` if it rejects. */
  answer(durable: Promise<void>, answer: () => void, fail: (error: unknown) => void): void {
    const landing = durable.then(answer, fail);
    this.#open.add(landing);
    void landing.then(() => this.#open.delete(landing));
  }

  /** Resolves when every pending answer was given. */
  async ended(): Promise<void> {
    await Promise.all(this.#open);
  }
}
