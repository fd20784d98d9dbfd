/** What is committed and on its way to the disk: nobody hears of it before the disk has it. */
import type { Store } from './ports.ts';
import type { Reader } from './tools/tool.ts';

export class Landing {
  readonly #store: Pick<Store, 'durable'>;
  readonly #open = new Set<Promise<void>>();
  /** Entries that the disk is known to have. */
  #firm = 0;

  constructor(store: Pick<Store, 'durable'>) {
    this.#store = store;
  }

  /** Whether the disk is known to have so many entries. */
  has(size: number): boolean {
    return size <= this.#firm;
  }

  /** Makes what was just committed, up to so many entries, durable. Throws what the store throws. */
  async commit(size: number, idle: boolean): Promise<void> {
    await this.#store.durable(idle);
    this.#firm = Math.max(this.#firm, size);
  }

  /** Resolves when the disk has so many entries, whoever has written them. Throws what the store throws. */
  async firmly(size: number): Promise<void> {
    // Ours are on their way; another process may have been killed before its own were on the disk.
    if (!this.has(size)) await this.ended();
    if (!this.has(size)) await this.commit(size, false);
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
        await this.firmly(page.head?.size ?? 0);
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
