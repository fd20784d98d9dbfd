/** A process of its own that uses a store, told by its arguments what to do; it reports on stdout, a line at a time. */
import { readdirSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Refusal } from '../../src/base/refusal.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { batchAfter } from './rows.ts';

const [, , task = '', path = '', name = '', count = '0'] = process.argv;
/** Not `console.log`: what was reported before a kill must have left the process. */
const report = (line: string) => writeSync(1, `${line}\n`);

async function append(pauseMs: number): Promise<void> {
  const store = openSqlite(path);
  report('open');
  for (let i = 0; i < Number(count); i++) {
    let hash = '';
    await store.commit(0, (_, head) => {
      const batch = batchAfter(head, [{ note: `${name}.${i}` }]);
      hash = batch.head.entry_hash;
      return batch;
    });
    report(hash);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  await store.close();
}

const TASKS: Record<string, () => Promise<void>> = {
  append: () => append(0),
  'append slowly': () => append(2),
  async fill() {
    const store = openSqlite(path);
    for (let i = 0; ; i++) {
      const before = await store.read({ after: -1, limit: 100_000 });
      try {
        await store.commit(before.rows.length, (_, head) => batchAfter(head, [{ note: 'x'.repeat(20_000) }]));
      } catch (error) {
        const after = await store.read({ after: -1, limit: 100_000 });
        report(JSON.stringify({ code: (error as Refusal).code, message: (error as Refusal).message }));
        report(`${i === after.rows.length && i > 0 ? 'nothing lost' : 'lost'}`);
        return store.close();
      }
    }
  },
  /** On a disk of its own, which has room for some pages, then for all. */
  async cramped() {
    const folder = dirname(path);
    const ballast = join(folder, 'ballast');
    for (let pages = 0; pages <= 40; pages++) {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(ballast, new Uint8Array((bavail - pages) * bsize));
      try {
        await openSqlite(path).close();
        report('opened');
      } catch (error) {
        report((error as Refusal).message);
      }
      rmSync(ballast);
      await openSqlite(path).close();
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    }
  },
  async open() {
    try {
      const store = openSqlite(path);
      await store.commit(0, (_, head) => batchAfter(head, [{}]));
      report('written');
    } catch (error) {
      report(error instanceof Refusal ? JSON.stringify(error.body) : String(error));
    }
  },
};

await TASKS[task]?.();
