/** A whole chain is read for an audit, page by page: what its archive has lost is a finding, and the rest is judged. */
import { Audit, type AuditReport, MOST_FINDINGS, type Trust } from '../authority/audit.ts';
import { Indexed } from '../authority/indexed.ts';
import { Refusal } from '../base/refusal.ts';
import type { Index, Page, Store, Tree } from '../ports.ts';
import { lostBy } from '../store/archive/tile-folder.ts';
import { touchesOf } from '../store/touches.ts';

const PAGE = 1000;

/** `watch`: entries done, entries there are. Throws the refusal of a store that cannot be read, or whose archive is away. */
export async function auditOf(
  store: Store & Tree & Index,
  trust: Trust,
  watch?: (done: number, total: number) => void,
): Promise<AuditReport> {
  const audit = new Audit(trust);
  const indexed = new Indexed();
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
    const touches = (await audit.feed(rows)).flatMap(touchesOf);
    indexed.judge(touches, await store.lacking(touches));
    read += rows.length;
    watch?.(read, Math.max(read, head?.size ?? 0));
    after = rows.at(-1)?.sequence_number ?? after;
    // The last page shows the head that belongs to it, so that an entry beyond the head is seen too.
    if (rows.length < limit) return withIndex(audit.finish(head), indexed, store);
    limit = Math.min(limit * 2, PAGE);
  }
}

/** Of a chain that is wrong nobody can say what its index should hold besides. */
async function withIndex(report: AuditReport, indexed: Indexed, store: Index): Promise<AuditReport> {
  if (report.findings.length === 0) {
    for await (const part of store.tally(report.entries_checked)) indexed.tally(part);
  }
  const findings = [...report.findings, ...indexed.findings, ...indexed.surplus()].slice(0, MOST_FINDINGS);
  return { ...report, findings };
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
