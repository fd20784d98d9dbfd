/** Which entries of a chain belong to a subject: its own, and of everything above it what bears on it; never a sibling's. */
import { sha256Hex } from '#digest';
import { decodeEvent, namesOf } from '../authority/event/index.ts';
import { notFound } from '../authority/find.ts';
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type Entry, openEntry } from '../chain/entry.ts';
import type { Head, Page, Query, Row } from '../ports.ts';
import { bearsOn, OF_LINEAGE, type Subject } from './bundle.ts';
import type { NodeSource } from './tiles.ts';

/** A chain as an exporter reads it. */
export interface Source extends NodeSource {
  read(query: Query): Promise<Page>;
}

export interface Gathered {
  /** In order, the genesis first. */
  readonly rows: readonly Row[];
  /** Hashes from the root to the subject; empty for a run of entries. */
  readonly lineage: readonly string[];
  /** The end of the chain when gathering began: nothing behind it was gathered. */
  readonly head: Head;
}

/** @throws Refusal `ARTIFACT_NOT_FOUND` where the chain never created that artifact, `INVALID_REQUEST` where a run is not on it. */
export async function gather(source: Source, subject: Subject): Promise<Gathered> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head) throw notFound();
  const found = new Map<number, Row>();
  const add = (row: Row): void => {
    if (row.sequence_number < head.size) found.set(row.sequence_number, row);
  };
  for await (const row of pages(source, { kind: 'GENESIS' })) add(row);
  const lineage: string[] = [];
  if ('artifact_hash' in subject) {
    lineage.push(...(await addAncestors(source, subject.artifact_hash, add)));
    for await (const row of pages(source, { within: subject.artifact_hash })) add(row);
  } else await addRun(source, subject, head.size, add);
  const rows = [...found.values()].sort((a, b) => a.sequence_number - b.sequence_number);
  return { rows, lineage, head };
}

/** The entry that created an artifact: the first that names it. */
export async function creationOf(source: Source, hash: string): Promise<{ row: Row; entry: Entry } | undefined> {
  const [row] = (await source.read({ after: -1, limit: 1, names: hash })).rows;
  if (!row) return undefined;
  const entry = openEntry(row.entry);
  const { artifact } = entry.event;
  return artifact !== undefined && sha256Hex(canonicalize(artifact)) === hash ? { row, entry } : undefined;
}

/** Hashes from the root to the artifact. @throws Refusal `ARTIFACT_NOT_FOUND`. */
export const lineageOf = (source: Source, hash: string): Promise<string[]> => walk(source, hash, () => undefined);

/** The same; the entry that created each of them is shown to `visit`. */
async function walk(source: Source, hash: string, visit: (row: Row, hash: string) => void): Promise<string[]> {
  const lineage: string[] = [];
  for (let at: string | null = hash; at !== null; ) {
    const created = await creationOf(source, at);
    if (!created || lineage.includes(at)) throw notFound();
    visit(created.row, at);
    lineage.unshift(at);
    at = parentIn(created.entry);
  }
  return lineage;
}

/** Hashes from the root to the artifact; what created them, and what ended or bound those above it, is added. */
async function addAncestors(source: Source, hash: string, add: (row: Row) => void): Promise<string[]> {
  const lineage = await walk(source, hash, add);
  for (const names of lineage.slice(0, -1)) {
    for await (const row of bearing(source, names)) add(row);
  }
  return lineage;
}

function parentIn({ event }: Entry): string | null {
  const { artifact } = event;
  const parent = typeof artifact === 'object' && artifact !== null && 'parent' in artifact ? artifact.parent : null;
  return typeof parent === 'string' ? parent : null;
}

async function addRun(
  source: Source,
  { first, last }: { first: number; last: number },
  size: number,
  add: (row: Row) => void,
): Promise<void> {
  if (first > last || last >= size) {
    throw new Refusal('INVALID_REQUEST', `The chain has ${size} entries: a run ends at ${size - 1} at the latest.`);
  }
  const named = new Set<string>();
  for await (const row of pages(source, { after: first - 1 })) {
    if (row.sequence_number > last) break;
    add(row);
    for (const hash of namesOf(decodeEvent(openEntry(row.entry).event))) named.add(hash);
  }
  // What came before the run and bears on it: its artifacts, what is above them, and what happened to either.
  const before = (row: Row): void => {
    if (row.sequence_number < first) add(row);
  };
  const known = new Set<string>();
  for (const hash of named) {
    // What names an artifact that never was is for the verifier to find.
    const line: readonly string[] = await addAncestors(source, hash, before).catch(() => []);
    for (const each of line) known.add(each);
  }
  for (const hash of known) for await (const row of bearing(source, hash)) before(row);
}

/** What bears on an artifact and on everything below it. */
async function* bearing(source: Source, names: string): AsyncGenerator<Row> {
  for (const kind of Object.keys(OF_LINEAGE))
    for await (const row of pages(source, { names, kind })) if (bearsOn(openEntry(row.entry)) === names) yield row;
}

const PAGE = 1000;

async function* pages(source: Source, query: Partial<Query>): AsyncGenerator<Row> {
  for (let after = query.after ?? -1; ; ) {
    const { rows } = await source.read({ ...query, after, limit: PAGE });
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.sequence_number;
  }
}
