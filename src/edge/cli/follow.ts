/** The chain page by page, and on as it grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { queryChain } from '../../tools/query-chain.ts';
import type { Desk, Given } from './command.ts';
import type { LogEntry } from './entry-line.ts';

interface Page {
  readonly entries: readonly LogEntry[];
  readonly next: number | null;
  readonly head: { readonly size: number };
}

/** How often the store is asked for news. */
const POLL_MS = 250;

type Query = Given['input'];

const read = async (desk: Desk, query: Query): Promise<Page> =>
  (await (await desk.open()).call(queryChain, query)) as unknown as Page; // its output schema

/** All pages of a query; an unfiltered one of which only the last entries are wanted skips what lies before them. */
export async function* pages(desk: Desk, query: Query, wanted: number): AsyncGenerator<readonly LogEntry[]> {
  const filtered = query.kind !== undefined || query.artifact_hash !== undefined || desk.settings().artifact !== null;
  const { size } = filtered ? { size: 0 } : (await read(desk, { limit: 1 })).head;
  for (let after: number | null = Math.max(-1, size - wanted - 1); after !== null; ) {
    const page: Page = await read(desk, { ...query, after });
    yield page.entries;
    after = page.next;
  }
}

/** Shows what comes after, until the process is told to end. */
export async function follow(desk: Desk, query: Query, show: (entry: LogEntry) => void): Promise<void> {
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ended.abort());
  for (let after = query.after; !ended.signal.aborted; ) {
    const { entries, next } = await read(desk, { ...query, ...(after !== undefined && { after }) });
    for (const entry of entries) show(entry);
    after = entries.at(-1)?.sequence_number ?? after;
    if (next === null) await sleep(POLL_MS, undefined, { signal: ended.signal }).catch(() => undefined);
  }
}
