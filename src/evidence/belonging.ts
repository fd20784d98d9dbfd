/** Whether a bundle holds what its subject asks for, and nothing else. */
import { bearsOn } from './bundle.ts';
import type { OpenedBundle } from './open.ts';
import type { Findings } from './report.ts';
import { namesIn, type OpenedEntry, type Survey } from './survey.ts';

/** Which artifacts a bundle speaks about. */
export interface Extent {
  /** The subject and everything below it: all of their entries should be here. Empty for a run of entries. */
  readonly subtree: ReadonlySet<string>;
  /** What stands above: their creation, and what bears on those below. */
  readonly above: ReadonlySet<string>;
}

export interface Belonging {
  readonly extent: Extent;
  /** Hands entries on, and reports those that have nothing to do with the subject. */
  readonly pass: (entries: Iterable<OpenedEntry>) => Iterable<OpenedEntry>;
}

export function judgeBelonging(bundle: OpenedBundle, findings: Findings): Belonging {
  const { subject } = bundle.contents;
  const { extent, isForeign } =
    'artifact_hash' in subject ? ofArtifact(bundle, subject.artifact_hash, findings) : ofRun(bundle, subject, findings);
  function* pass(entries: Iterable<OpenedEntry>): Generator<OpenedEntry> {
    for (const opened of entries) {
      const { sequence_number, event } = opened.entry;
      if (isForeign(opened)) {
        const message = `This ${event.kind} has nothing to do with the bundle's subject.`;
        findings.add(sequence_number, 'foreign_entry', message);
      }
      yield opened;
    }
  }
  return { extent, pass };
}

interface Bounds {
  readonly extent: Extent;
  readonly isForeign: (opened: OpenedEntry) => boolean;
}

/** Hash → parent of every artifact that the entries create. */
function parentsIn({ creations }: Survey): Map<string, string | null> {
  return new Map([...creations.values()].map(({ event: { sealed } }) => [sealed.hash, sealed.artifact.parent]));
}

/** From the root to the artifact, as far as the entries tell. */
function lineageOf(hash: string, parents: ReadonlyMap<string, string | null>): string[] {
  const line: string[] = [];
  for (let at: string | null | undefined = hash; at && parents.has(at) && !line.includes(at); at = parents.get(at))
    line.unshift(at);
  return line;
}

function ofArtifact({ contents, survey }: OpenedBundle, subject: string, findings: Findings): Bounds {
  const parents = parentsIn(survey);
  if (!parents.has(subject)) findings.add(null, 'subject', 'No entry creates the artifact that the bundle is about.');
  const line = lineageOf(subject, parents);
  if (line.join() !== contents.lineage.join())
    findings.add(null, 'lineage', 'The lineage that the bundle claims is not that of its entries.');
  const above = new Set(line.filter((hash) => hash !== subject));
  const subtree = new Set([subject]);
  for (const [hash, parent] of parents) if (parent !== null && subtree.has(parent)) subtree.add(hash);
  const isForeign = (opened: OpenedEntry): boolean => {
    const names = namesIn(opened);
    return names !== null && !names.some((name) => subtree.has(name)) && !isOf(opened, above);
  };
  return { extent: { subtree, above }, isForeign };
}

function ofRun(
  { contents, survey }: OpenedBundle,
  { first, last }: { readonly first: number; readonly last: number },
  findings: Findings,
): Bounds {
  if (contents.lineage.length > 0) findings.add(null, 'lineage', 'A run of entries has no lineage.');
  const parents = parentsIn(survey);
  const { named, length } = survey.run;
  if (length !== last - first + 1)
    findings.add(null, 'subject', `Of the entries ${first} to ${last}, ${length} are here.`);
  const above = new Set([...named].flatMap((hash) => lineageOf(hash, parents)));
  const isForeign = (opened: OpenedEntry): boolean => {
    const { sequence_number } = opened.entry;
    if (sequence_number > last) return opened.event?.kind !== 'LOG_KEY';
    return sequence_number < first && namesIn(opened) !== null && !isOf(opened, above);
  };
  return { extent: { subtree: new Set(), above }, isForeign };
}

/** Whether the entry created one of these artifacts, or bears on everything below it. */
function isOf({ entry, event }: OpenedEntry, above: ReadonlySet<string>): boolean {
  if (event !== undefined && 'sealed' in event) return above.has(event.sealed.hash);
  return above.has(bearsOn(entry) ?? '');
}
