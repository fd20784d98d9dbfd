/** Writes a bundle into a file, a page at a time; an export that was interrupted goes on where it stopped. */
import { Sha256 } from '#digest';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { claimedSize } from '../chain/checkpoint.ts';
import { openEntry } from '../chain/entry.ts';
import type { Archive, Draft, Signer } from '../ports.ts';
import type { Subject } from './bundle.ts';
import { type Begun, headerOf, type Kept, keptIn, markAfter, type Wanted } from './continued.ts';
import { cosignedEnd } from './cosigned-end.ts';
import { type End, planOf, type Source } from './gather.ts';
import { bundleParts, closing } from './stream.ts';

export interface Exporting {
  readonly log: Signer;
  /** Now, in milliseconds since the epoch. */
  readonly time: number;
  /** Called with how many entries of the chain were passed, of how many. */
  readonly watch?: (done: number, total: number) => void;
}

export interface Exported {
  readonly entries: number;
  /** Length of the document. */
  readonly bytes: number;
  /** The C2SP note that the entries are proven against. */
  readonly checkpoint: string;
  /** Entries that an interrupted export had written already. */
  readonly kept: number;
  /** What the seal says, in milliseconds since the epoch. */
  readonly time: number;
}

/** Into the archive, under a name that says as of when. Throws what `exportBundle` does. */
export async function keepBundle(
  source: Source,
  archive: Archive,
  wanted: Wanted,
  exporting: Exporting,
): Promise<Exported & { readonly id: string; readonly path: string }> {
  const draft = await archive.draft(nameOf(wanted));
  try {
    const exported = await exportBundle(source, wanted, draft, exporting);
    const id = idOf(wanted, exported.checkpoint);
    return { ...exported, id, path: await draft.finish(id) };
  } finally {
    await draft.close();
  }
}

/** Of a bundle in the archive: what it is about, and how long the chain was. */
export const idOf = (wanted: Wanted, checkpoint: string): string => `${nameOf(wanted)}-${claimedSize(checkpoint)}`;

const nameOf = (wanted: Wanted): string =>
  'first' in wanted ? `entries-${wanted.first}-${wanted.last ?? 'end'}` : wanted.artifact_hash.slice(0, 16);

const subjectOf = ({ wanted, end }: Begun): Subject =>
  'first' in wanted ? { first: wanted.first, last: wanted.last ?? end.size - 1 } : wanted;

/** An older beginning is forgotten: nobody who asks for evidence today means last week's. In milliseconds. */
const LASTS = 24 * 3_600_000;

/**
 * The document is as of the end of the chain where the export began, however often it was interrupted; `draft` holds it
 * whole when the promise resolves.
 *
 * @throws Refusal `ARTIFACT_NOT_FOUND`; `INVALID_REQUEST` for a run that is not on the chain; `CHAIN_BROKEN` where the
 * stored entries are not those that were signed.
 */
export async function exportBundle(
  source: Source,
  wanted: Wanted,
  draft: Draft,
  exporting: Exporting,
): Promise<Exported> {
  const kept = await keptIn(draft, wanted, exporting.log);
  if (kept && (await isOfChain(source, kept, exporting.time))) {
    try {
      return await write(source, kept, draft, exporting);
    } catch (error) {
      // It was begun on another chain, or under another key: then it is begun again on this one.
      if (!(error instanceof Refusal) || !OTHERS.includes(error.code)) throw error;
    }
  }
  return write(source, await begun(source, wanted, exporting.time), draft, exporting);
}

const OTHERS: readonly string[] = ['CHAIN_BROKEN', 'CHAIN_CONTENDED', 'ARTIFACT_NOT_FOUND', 'INVALID_REQUEST'];

async function isOfChain(source: Source, { end, time }: Begun, now: number): Promise<boolean> {
  const { size } = await endOf(source);
  return end.size <= size && time <= now && now - time < LASTS;
}

/** An export that begins now, at the present end of the chain. @throws Refusal `NOT_FOUND` where the chain is empty. */
export async function begun(source: Source, wanted: Wanted, now: number): Promise<Begun> {
  const end = await cosignedEnd(source, wanted, await endOf(source));
  const [last] = (await source.read({ after: end.size - 2, limit: 1 })).rows;
  // The chain may have gone on since the caller looked at its clock.
  const time = last ? (parseInstant(openEntry(last.entry).timestamp) ?? now) : now;
  return { wanted, end, time: Math.max(time, now) };
}

async function endOf(source: Source): Promise<End> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head) throw new Refusal('NOT_FOUND', 'The chain has no entries yet.');
  return head;
}

async function write(
  source: Source,
  from: Begun & Partial<Kept>,
  draft: Draft,
  exporting: Exporting,
): Promise<Exported> {
  const { log, watch } = exporting;
  const plan = await planOf(source, subjectOf(from), from.end);
  const { hash = new Sha256(), places = [], time } = from;
  const making = { log, time, hash, places };
  const kept = places.length;
  let { bytes = 0 } = from;
  await draft.rewind(bytes, from.notes ?? 0);
  let line = draft.notes.at(-1) ?? headerOf(from);
  if (kept === 0) await draft.note(line);
  let marked = kept;
  for await (const part of bundleParts(source, plan, making)) {
    await draft.write(part);
    bytes += part.length;
    // What follows the entries is made anew.
    if (places.length === marked) continue;
    line = markAfter(line, { bytes, hash }, places.slice(marked), log);
    await draft.note(line);
    marked = places.length;
    watch?.(places.at(-1)! + 1, from.end.size);
  }
  await refuseOthers(draft, bytes, hash);
  const end = closing(plan, making);
  await draft.write(end);
  return { entries: places.length, bytes: bytes + end.length, checkpoint: from.end.checkpoint, kept, time };
}

/** Only what was meant to be written is sealed: somebody else may have had the same file open. */
async function refuseOthers(draft: Draft, bytes: number, hash: Sha256): Promise<void> {
  const found = new Sha256();
  for await (const part of draft.read(bytes)) found.update(part);
  if (found.hex() === hash.hex()) return;
  await draft.rewind(0, 0);
  throw new Refusal('CHAIN_CONTENDED', 'Somebody else has changed the unfinished file; nothing of it was kept.');
}
