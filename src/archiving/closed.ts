/** Which entries may leave the database: what is old enough, in whole bundles, but for what may still be asked for daily. */
import type { State } from '../authority/state.ts';
import { parseInstant } from '../base/instant.ts';
import { BUNDLE } from '../base/tlog-tiles.ts';
import { openEntry } from '../chain/entry.ts';
import type { Store } from '../ports.ts';

export interface Limits {
  /** Only entries with a smaller number. */
  readonly before?: number | undefined;
  /** Only entries from before this instant, in milliseconds. */
  readonly until?: number | undefined;
}

/** Entries that are closed: all below the number, a multiple of 256. The last entry of a chain never is. */
export async function closedBelow(
  store: Store,
  size: number,
  from: number,
  { before, until }: Limits,
): Promise<number> {
  const bound = Math.max(from, Math.min(size - 1, before ?? size));
  const end = until === undefined ? bound : await firstSince(store, from, bound, until);
  return Math.floor(end / BUNDLE) * BUNDLE;
}

/** Time on a chain never goes back: the first entry from `until` on is found by halving. */
async function firstSince(store: Store, from: number, bound: number, until: number): Promise<number> {
  let [low, high] = [from, bound];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = (await store.read({ after: middle - 1, limit: 1 })).rows;
    const time = row ? (parseInstant(openEntry(row.entry).timestamp) ?? Number.POSITIVE_INFINITY) : Infinity;
    if (time < until) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Numbers of entries whose text stays in the database although it is archived: what names the keys of the chain, what
 * created each artifact that is in force or has just ended, and what a repeated request is answered from.
 */
export function stillNeeded({ grants, requests, logKeys }: State): Set<number> {
  const needed = new Set<number>([0]);
  for (const { from } of logKeys) needed.add(from);
  for (const { sequence } of grants.values()) needed.add(sequence);
  for (const { sequence } of requests.values()) needed.add(sequence);
  return needed;
}

/** Kinds of such entries: when they are no longer needed, a later run takes their text out. */
export const MAY_BE_NEEDED: readonly string[] = ['ARTIFACT_CREATED', 'DELEGATION', 'ENROLLMENT', 'REVOCATION'];
