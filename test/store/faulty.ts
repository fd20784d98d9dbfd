/** A store whose next commit fails: the two ways in which every effect can. */
import type { Batch, End, Head, Page, Query, Row, Store } from '../../src/ports.ts';

/** `not written`: rolled back after deciding. `written`: durable, but reported as failed. `refused`: failed before deciding. */
export type Fault = 'not written' | 'written' | 'refused';

export class FaultyStore implements Store {
  /** Faults of the commits to come, first one first; an empty list is a store in good health. */
  readonly faults: (Fault | undefined)[] = [];
  /** Reads fail as long as it is set. */
  unreadable: Error | undefined;
  /** Commits fail as long as it is set, and write nothing. */
  unwritable: Error | undefined;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(query: Query): Promise<Page> {
    if (this.unreadable) throw this.unreadable;
    return this.#store.read(query);
  }

  async commit(size: number, decide: (news: readonly Row[], head: Head | null) => Batch | null): Promise<void> {
    if (this.unwritable) throw this.unwritable;
    const fault = this.faults.shift();
    if (fault === 'refused') throw new Error('failed before it began');
    await this.#store.commit(size, (news, head) => {
      const batch = decide(news, head);
      if (fault === 'not written') throw new Error('failed, not written');
      return batch;
    });
    if (fault === 'written') throw new Error('failed, but written');
  }

  durable(end: End, idle: boolean): Promise<void> {
    return this.#store.durable(end, idle);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
