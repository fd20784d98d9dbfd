/** Chains and bundles as whoever holds the keys could make them: every entry linked, proven and sealed, lawful or not. */

import { open, type Sealed } from '../../../src/artifact/artifact.ts';
import { decodeEvent, namesOf } from '../../../src/authority/event/index.ts';
import type { Json } from '../../../src/base/canonical.ts';
import { parseInstant } from '../../../src/base/instant.ts';
import type { Entry } from '../../../src/chain/entry.ts';
import { type Subject, seal } from '../../../src/evidence/bundle.ts';
import type { Source } from '../../../src/evidence/gather.ts';
import type { Row, Signer } from '../../../src/ports.ts';
import { type Chain, rebuilt } from '../../authority/forge.ts';
import { KEYS } from '../../kernel.ts';
import { buildBundle } from '../build.ts';

/** Names of an entry that may be nonsense. */
function names({ event }: Entry): readonly string[] {
  try {
    return namesOf(decodeEvent(event));
  } catch {
    const hash = event.child_artifact_hash ?? event.artifact_hash;
    return typeof hash === 'string' ? [hash] : [];
  }
}

/** A store over finished rows, which knows who is named and whose subtree that is. */
export function sourceOf({ rows, head }: Chain): Source {
  const parents = new Map<string, string | null>();
  const known = rows.map((row) => {
    const entry: Entry = JSON.parse(row.entry);
    const { artifact } = entry.event;
    const named = names(entry);
    if (isObject(artifact)) parents.set(named[0] ?? '', typeof artifact.parent === 'string' ? artifact.parent : null);
    const within = new Set<string>();
    for (const name of named)
      for (let at: string | null = name; at && !within.has(at); at = parents.get(at) ?? null) within.add(at);
    return { ...row, names: named, within: [...within] };
  });
  return {
    async read({ after, limit, kind, names: name, within }) {
      const fits = (row: Row): boolean =>
        row.sequence_number > after &&
        (kind === undefined || row.kind === kind) &&
        (name === undefined || row.names.includes(name)) &&
        (within === undefined || row.within.includes(within));
      return { rows: known.filter(fits).slice(0, limit), head };
    },
    nodes: async (level, first, count) =>
      level === 0 ? rows.slice(first, first + count).map(({ entry_hash }) => entry_hash) : [],
  };
}

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The bundle of a subject, over entries that are linked anew. Without a time, it is sealed at the last entry's. */
export async function bundle(
  entries: readonly Entry[],
  subject: Subject,
  time = 0,
  log: Signer = KEYS.log,
): Promise<string> {
  return (await buildBundle(sourceOf(rebuilt(entries, log)), subject, log, time)).text;
}

/** The artifact that the entry at this place created. */
export const artifactAt = (entries: readonly Entry[], at: number): Sealed => open(entries[at]!.event.artifact!);

export const timeOf = ({ timestamp }: Entry): number => parseInstant(timestamp)!;

/** The bundle of a whole chain, whatever stands in it: sealed at the last entry's time. */
export function wholeBundle(entries: readonly Entry[]): string {
  const { rows, head } = rebuilt(entries);
  const { authority, log_key } = entries[0]!.event;
  const contents = {
    subject: { first: 0, last: rows.length - 1 },
    keys: { authority: String(authority), log: String(log_key) },
    lineage: [],
    entries: rows.map(({ entry }) => entry),
    proof: [],
    checkpoint: head!.checkpoint,
  };
  return seal(contents, KEYS.log, timeOf(entries.at(-1)!));
}
