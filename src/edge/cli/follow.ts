/** The chain page by page, and on as it grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../../base/refusal.ts';
import { queryChain } from '../../tools/query-chain.ts';
import type { Answer } from '../../tools/tool.ts';
import type { Desk, Given } from './command.ts';
import type { LogEntry } from './entry-line.ts';

/** How often the store is asked for news. */
const POLL_MS = 250;

type Query = Given['input'];
type Page = Answer<typeof queryChain>;

const read = async (desk: Desk, query: Query): Promise<Page> => (await desk.open()).call(queryChain, query);

/** All pages of a query behind `after`. */
export async function* pages(desk: Desk, query: Query, after = -1): AsyncGenerator<readonly LogEntry[]> {
  for (let at: number | null = after; at !== null; ) {
    const page: Page = await read(desk, { ...query, after: at });
    yield page.entries;
    at = page.next;
  }
}

export interface Newest {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** Entries that the chain had. */
  readonly size: number;
  /** Why there may be older ones that should stand here; null where there are none. */
  readonly withheld: Refusal | null;
}

/**
 * The last entries of what is asked for. They are looked for from the end, each time over a longer stretch, so that what
 * was archived is asked for only where nothing newer is enough. Throws the refusal of the query.
 */
export async function newest(desk: Desk, query: Query, wanted: number): Promise<Newest> {
  // The end is asked for with everything that may be wrong with the query.
  const { size } = (await read(desk, { ...query, after: Number.MAX_SAFE_INTEGER })).head;
  let entries: readonly LogEntry[] = [];
  let withheld: Refusal | null = null;
  for (let [end, span] = [size, wanted]; end > 0 && span >= 1 && entries.length < wanted; ) {
    const start = Math.max(0, end - span);
    try {
      entries = [...(await stretch(desk, { query, after: start - 1, end, wanted })), ...entries];
      end = start;
      if (!withheld) span *= 4;
    } catch (error) {
      if (!(error instanceof Refusal) || !OUT_OF_REACH.has(error.code)) throw error;
      // Ever shorter stretches lead to the last one that can be read.
      withheld = error;
      span = Math.floor(span / 2);
    }
  }
  if (withheld && entries.length === 0) throw withheld;
  return { entries: entries.slice(-wanted), size, withheld: entries.length < wanted ? withheld : null };
}

/** What reading an archive ends in that is away or damaged. */
const OUT_OF_REACH: ReadonlySet<string> = new Set(['INTERNAL', 'CHAIN_BROKEN']);

interface Stretch {
  readonly query: Query;
  readonly after: number;
  readonly end: number;
  readonly wanted: number;
}

async function stretch(desk: Desk, { query, after, end, wanted }: Stretch): Promise<readonly LogEntry[]> {
  let last: LogEntry[] = [];
  for await (const page of pages(desk, { ...query, limit: 500 }, after)) {
    const inside = page.filter(({ sequence_number }) => sequence_number < end);
    last = [...last, ...inside].slice(-wanted);
    if (inside.length < page.length) break;
  }
  return last;
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
