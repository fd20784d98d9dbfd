/** A whole chain is read for an audit, page by page: what its archive has lost is a finding, and the rest is judged. */
import { Audit, type AuditReport, type Trust } from '../authority/audit.ts';
import { Refusal } from '../base/refusal.ts';
import type { Page, Store, Tree } from '../ports.ts';
import { lostBy } from '../store/archive/tile-folder.ts';

const PAGE = 1000;

/** `watch`: entries done, entries there are. Throws the refusal of a store that cannot be read, or whose archive is away. */
export async function auditOf(
  store: Store & Tree,
  trust: Trust,
  watch?: (done: number, total: number) => void,
): Promise<AuditReport> {
  const audit = new Audit(trust);
  for (let [after, read, limit] = [-1, 0, PAGE]; ; ) {
    const page = await pageOf(store, after, limit);
    if (page instanceof Refusal) {
      // Ever shorter pages lead to the one entry that is lost.
      if (limit === 1) {
        await skip(audit, store, after + 1, page);
        after += 1;
        read += 1;
      } else limit = Math.floor(limit / 2);
      continue;
    }
    const { rows, head } = page;
    await audit.feed(rows);
    read += rows.length;
    watch?.(read, Math.max(read, head?.size ?? 0));
    after = rows.at(-1)?.sequence_number ?? after;
    // The last page shows the head that belongs to it, so that an entry beyond the head is seen too.
    if (rows.length < limit) return audit.finish(head);
    limit = Math.min(limit * 2, PAGE);
  }
}

async function pageOf(store: Store, after: number, limit: number): Promise<Page | Refusal> {
  try {
    return await store.read({ after, limit });
  } catch (error) {
    if (error instanceof Refusal && lostBy(error)) return error;
    throw error;
  }
}

async function skip(audit: Audit, store: Tree, sequence: number, refusal: Refusal): Promise<void> {
  const [hash] = await store.nodes(0, sequence, 1);
  if (hash === undefined) throw refusal;
  audit.absent(sequence, hash, { what: String(lostBy(refusal)?.first), why: refusal.message });
}
