/** A store that reads archived entries from their files, so that its readers need not know. */
import type { Decide, Follow, Page, Query, Row, Store } from '../../ports.ts';
import { type ArchiveReading, isBare } from './reading.ts';

/** The same store, but that every row has its text. */
export function withArchive<S extends Store>(store: S, reading: ArchiveReading): S {
  const own: Pick<Store, 'read' | 'commit'> = {
    async read(query: Query): Promise<Page> {
      const page = await store.read(query);
      const rows = await reading.fill(page.rows);
      return rows === page.rows ? page : { ...page, rows };
    },

    /** One that stood still so long that what it has not seen is archived reads that without the lock, and comes again. */
    async commit(size: number, decide: Decide, follow?: Follow): Promise<void> {
      const texts = new Map<number, string>();
      let from = size;
      const shown =
        follow &&
        (async (rows: readonly Row[]) => {
          from += rows.length;
          await follow(await reading.fill(rows));
        });
      for (let bare: readonly Row[] = []; ; ) {
        const judge: Decide = (news, head, early) => {
          bare = news.filter((row) => isBare(row) && !texts.has(row.sequence_number));
          if (bare.length > 0) return null;
          return decide(texts.size === 0 ? news : news.map((row) => withText(row, texts)), head, early);
        };
        await store.commit(from, judge, shown);
        if (bare.length === 0) return;
        for (const { sequence_number, entry } of await reading.fill(bare)) texts.set(sequence_number, entry);
      }
    },
  };
  // Whatever else a store can do it does itself, as if nobody stood in front of it.
  return new Proxy(store, {
    get(target, name) {
      if (name === 'read' || name === 'commit') return own[name];
      const its: unknown = Reflect.get(target, name, target);
      return typeof its === 'function' ? its.bind(target) : its;
    },
  });
}

const withText = (row: Row, texts: ReadonlyMap<number, string>): Row =>
  isBare(row) ? { ...row, entry: texts.get(row.sequence_number) ?? '' } : row;
