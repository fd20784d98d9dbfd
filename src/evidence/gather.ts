/** Which entries of a chain belong to a subject: its own, and of everything above it what bears on it; never a sibling's. */
import { sha256Hex } from '#digest';
import { decodeEvent, namesOf } from '../authority/event/index.ts';
import { notFound } from '../authority/find.ts';
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type Entry, openEntry } from '../chain/entry.ts';
import type { Head, Page, Query, Row } from '../ports.ts';
import { ALWAYS, bearsOn, OF_LINEAGE, type Subject } from './bundle.ts';
import { type ChainKeys, keysIn } from './genesis.ts';
import type { NodeSource } from './tiles.ts';

/** A chain as an exporter reads it. */
export interface Source extends NodeSource {
  read(query: Query): Promise<Page>;
}

/** The end of the chain that evidence is made against: nothing behind it is gathered. */
export type End = Pick<Head, 'size' | 'checkpoint'>;

/** What belongs to a subject, before any of it is read. */
export interface Plan {
  readonly subject: Subject;
  readonly end: End;
  readonly keys: ChainKeys;
  /** Hashes from the root to the subject; empty for a run of entries. */
  readonly lineage: readonly string[];
  /** Numbers of the entries that the subject does not hold itself, rising. */
  readonly beside: readonly number[];
}

/**
 * `end`: where the chain ended when it was planned before; its end now when absent.
 *
 * @throws Refusal `ARTIFACT_NOT_FOUND` where the chain never created that artifact, `INVALID_REQUEST` where a run is not on it.
 */
export async function planOf(source: Source, subject: Subject, end?: End): Promise<Plan> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head) throw notFound();
  const { size, checkpoint } = end ?? head;
  const found = new Set<number>();
  const add = ({ sequence_number: at }: Row): void => {
    if (at < size) found.add(at);
  };
  const keys = keysIn(await always(source, size, add));
  const lineage = 'artifact_hash' in subject ? await addAncestors(source, subject.artifact_hash, add) : [];
  if ('first' in subject) await addBefore(source, subject, size, add);
  return { subject, end: { size, checkpoint }, keys, lineage, beside: [...found].sort((a, b) => a - b) };
}

/** The entries that every bundle holds are added; answers them as text. */
async function always(source: Source, size: number, add: Add): Promise<string[]> {
  const texts: string[] = [];
  for (const kind of ALWAYS) {
    for await (const row of pages(source, { kind })) {
      add(row);
      if (row.sequence_number < size) texts.push(row.entry);
    }
  }
  return texts;
}

/** The entries of a plan in order, those behind number `after`. */
export async function* rowsOf(source: Source, plan: Plan, after = -1): AsyncGenerator<Row> {
  const beside = besideOf(source, plan, after);
  let next = await beside.next();
  for await (const row of ownOf(source, plan, after)) {
    for (; !next.done && next.value.sequence_number <= row.sequence_number; next = await beside.next())
      if (next.value.sequence_number < row.sequence_number) yield next.value;
    yield row;
  }
  for (; !next.done; next = await beside.next()) yield next.value;
}

async function* ownOf(source: Source, { subject, end }: Plan, after: number): AsyncGenerator<Row> {
  const [query, last] =
    'artifact_hash' in subject
      ? [{ after, within: subject.artifact_hash }, end.size - 1]
      : [{ after: Math.max(after, subject.first - 1) }, subject.last];
  for await (const row of pages(source, query)) {
    if (row.sequence_number > last) return;
    yield row;
  }
}

/** Neighbours are read together. */
async function* besideOf(source: Source, { beside }: Plan, after: number): AsyncGenerator<Row> {
  for (let at = beside.findIndex((number) => number > after); at >= 0 && at < beside.length; ) {
    const first = beside[at]!;
    let count = 1;
    while (count < PAGE && beside[at + count] === first + count) count += 1;
    yield* (await source.read({ after: first - 1, limit: count })).rows;
    at += count;
  }
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

type Add = (row: Row) => void;

/** Hashes from the root to the artifact; what created them, and what ended or bound those above it, is added. */
async function addAncestors(source: Source, hash: string, add: Add): Promise<string[]> {
  const lineage = await walk(source, hash, add);
  for (const [depth, above] of lineage.slice(0, -1).entries())
    for await (const row of bearing(source, above, lineage[depth - 1] ?? null)) add(row);
  return lineage;
}

function parentIn({ event }: Entry): string | null {
  const { artifact } = event;
  const parent = typeof artifact === 'object' && artifact !== null && 'parent' in artifact ? artifact.parent : null;
  return typeof parent === 'string' ? parent : null;
}

/** What came before a run and bears on it: its artifacts, what is above them, and what happened to either. */
async function addBefore(
  source: Source,
  { first, last }: { readonly first: number; readonly last: number },
  size: number,
  add: Add,
): Promise<void> {
  if (first > last || last >= size) {
    throw new Refusal('INVALID_REQUEST', `The chain has ${size} entries: a run ends at ${size - 1} at the latest.`);
  }
  const before: Add = (row) => {
    if (row.sequence_number < first) add(row);
  };
  const known = new Map<string, string | null>();
  for (const hash of first === 0 ? [] : await namedIn(source, first, last)) {
    for (let at: string | null = hash; at !== null && !known.has(at); ) {
      const created = await creationOf(source, at);
      // What names an artifact that never was is for the verifier to find.
      if (!created) break;
      before(created.row);
      known.set(at, parentIn(created.entry));
      at = parentIn(created.entry);
    }
  }
  for (const [hash, parent] of known) {
    for await (const row of bearing(source, hash, parent)) {
      if (row.sequence_number >= first) break;
      add(row);
    }
  }
}

async function namedIn(source: Source, first: number, last: number): Promise<Set<string>> {
  const named = new Set<string>();
  for await (const row of pages(source, { after: first - 1 })) {
    if (row.sequence_number > last) break;
    for (const hash of namesOf(decodeEvent(openEntry(row.entry).event))) named.add(hash);
  }
  return named;
}

/** Names the child beside its parent, who may have accepted a hundred thousand others. */
const NAMES_BOTH = 'JOB_ACCEPTED';

/** What bears on an artifact and on everything below it. */
async function* bearing(source: Source, hash: string, parent: string | null): AsyncGenerator<Row> {
  for (const kind of Object.keys(OF_LINEAGE)) {
    if (kind === NAMES_BOTH && parent === null) continue;
    const query =
      kind === NAMES_BOTH && parent !== null ? { names: parent, within: hash, kind } : { names: hash, kind };
    for await (const row of pages(source, query)) if (bearsOn(openEntry(row.entry)) === hash) yield row;
  }
}

/** Entries read at once. */
const PAGE = 250;

/** All entries that a query finds, in order. */
export async function* pages(source: Source, query: Partial<Query>): AsyncGenerator<Row> {
  for (let after = query.after ?? -1; ; ) {
    const { rows } = await source.read({ ...query, after, limit: PAGE });
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.sequence_number;
  }
}
