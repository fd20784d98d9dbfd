/** What is committed and on its way to the disk: nobody hears of it before the disk has it. */
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

  /** Up to where the disk is known to have the chain. */
  get firm(): End {
    return this.#firm;
  }

  /** Whether the disk is known to have so many entries. */
  has(size: number): boolean {
    return size <= this.#firm.size;
  }

  /**
   * Whether a chain of this end may be called broken only because it has lost what was never known to be on the disk, and
   * so nobody was told of: a database that has crashed comes back without it.
   */
  mayForget(error: unknown, { size, entry_hash }: End): boolean {
    if (!(error instanceof Refusal && error.code === 'CHAIN_BROKEN')) return false;
    return size !== this.#firm.size || entry_hash !== this.#firm.entry_hash;
  }

  /** Makes the chain up to this end durable. Throws what the store throws. */
  async commit(end: End, idle: boolean): Promise<void> {
    if (!this.has(end.size)) await this.#make(end, idle);
  }

  /** Resolves when the disk has the chain up to this end, whoever has written it. Throws what the store throws. */
  async firmly(end: End): Promise<void> {
    // Ours are on their way; another process may have been killed before its own were on the disk.
    if (this.has(end.size)) return;
    await this.ended();
    // What has become firm meanwhile may be another history than the one that was seen: the store tells.
    if (end.size !== this.#firm.size || end.entry_hash !== this.#firm.entry_hash) await this.#make(end, false);
  }

  async #make(end: End, idle: boolean): Promise<void> {
    await this.#store.durable(end, idle);
    if (!this.has(end.size)) this.#firm = end;
  }

  /** The same reader, for who must not see a head that a power cut could take back. */
  shown(reader: Reader): Reader {
    return {
      ...reader,
      // Another one with time: the log may go over to another key.
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

  /** Answers, one way or the other, when that is settled. */
  answer(durable: Promise<void>, answer: () => void, fail: (error: unknown) => void): void {
    const landing = durable.then(answer, fail);
    this.#open.add(landing);
    void landing.then(() => this.#open.delete(landing));
  }

  /** Resolves when all that was on its way has been answered. */
  async ended(): Promise<void> {
    await Promise.all(this.#open);
  }
}
