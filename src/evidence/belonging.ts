/** Whether a bundle holds what its subject asks for, and nothing else. */
import { namesOf } from '../authority/event/index.ts';
import { ALWAYS, bearsOn } from './bundle.ts';
import type { OpenedBundle, OpenedEntry } from './open.ts';
import type { Findings } from './report.ts';

/** Which artifacts a bundle speaks about. */
export interface Extent {
  /** The subject and everything below it: all of their entries should be here. Empty for a run of entries. */
  readonly subtree: ReadonlySet<string>;
  /** What stands above: their creation, and what bears on those below. */
  readonly above: ReadonlySet<string>;
}

export function judgeBelonging(bundle: OpenedBundle, findings: Findings): Extent {
  const { subject } = bundle.contents;
  return 'artifact_hash' in subject
    ? ofArtifact(bundle, subject.artifact_hash, findings)
    : ofRun(bundle, subject, findings);
}

/** Hash → parent of every artifact that the entries create. */
function parentsIn(entries: readonly OpenedEntry[]): Map<string, string | null> {
  const parents = new Map<string, string | null>();
  for (const { event } of entries)
    if (event && 'sealed' in event) parents.set(event.sealed.hash, event.sealed.artifact.parent);
  return parents;
}

/** From the root to the artifact, as far as the entries tell. */
function lineageOf(hash: string, parents: ReadonlyMap<string, string | null>): string[] {
  const line: string[] = [];
  for (let at: string | null | undefined = hash; at && parents.has(at) && !line.includes(at); at = parents.get(at))
    line.unshift(at);
  return line;
}

function ofArtifact({ contents, entries }: OpenedBundle, subject: string, findings: Findings): Extent {
  const parents = parentsIn(entries);
  if (!parents.has(subject)) findings.add(null, 'subject', 'No entry creates the artifact that the bundle is about.');
  const line = lineageOf(subject, parents);
  if (line.join() !== contents.lineage.join())
    findings.add(null, 'lineage', 'The lineage that the bundle claims is not that of its entries.');
  const above = new Set(line.filter((hash) => hash !== subject));
  const subtree = new Set([subject]);
  for (const [hash, parent] of parents) if (parent !== null && subtree.has(parent)) subtree.add(hash);
  for (const opened of entries) {
    const names = namesIn(opened);
    if (names && !names.some((name) => subtree.has(name)) && !isOf(opened, above)) alien(opened, findings);
  }
  return { subtree, above };
}

function ofRun(
  { contents, entries }: OpenedBundle,
  { first, last }: { readonly first: number; readonly last: number },
  findings: Findings,
): Extent {
  if (contents.lineage.length > 0) findings.add(null, 'lineage', 'A run of entries has no lineage.');
  const parents = parentsIn(entries);
  const run = entries.filter(({ entry }) => entry.sequence_number >= first && entry.sequence_number <= last);
  if (run.length !== last - first + 1)
    findings.add(null, 'subject', `Of the entries ${first} to ${last}, ${run.length} are here.`);
  const named = run.flatMap((opened) => namesIn(opened) ?? []);
  const above = new Set(named.flatMap((hash) => lineageOf(hash, parents)));
  for (const opened of entries) {
    const { sequence_number } = opened.entry;
    if (
      (sequence_number > last && opened.event?.kind !== 'LOG_KEY') ||
      (sequence_number < first && namesIn(opened) && !isOf(opened, above))
    )
      alien(opened, findings);
  }
  return { subtree: new Set(), above };
}

/** Null for what names the log's keys, and for what nobody can read. */
function namesIn({ event }: OpenedEntry): readonly string[] | null {
  return event === undefined || ALWAYS.includes(event.kind) ? null : namesOf(event);
}

/** Whether the entry created one of these artifacts, or bears on everything below it. */
function isOf({ entry, event }: OpenedEntry, above: ReadonlySet<string>): boolean {
  if (event !== undefined && 'sealed' in event) return above.has(event.sealed.hash);
  return above.has(bearsOn(entry) ?? '');
}

function alien({ entry }: OpenedEntry, findings: Findings): void {
  const { sequence_number, event } = entry;
  findings.add(sequence_number, 'foreign_entry', `This ${event.kind} has nothing to do with the bundle's subject.`);
}
