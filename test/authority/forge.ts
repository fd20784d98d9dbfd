/** Plays whoever owns the database, and where it says so the log's key or the authority's too: rewrites a real chain. */
import { type ArtifactSigner, type Draft, type Sealed, seal } from '../../src/artifact/artifact.ts';
import { Audit, type AuditReport, type Trust } from '../../src/authority/audit.ts';
import { reduction } from '../../src/authority/event/delegation.ts';
import { decodeEvent, type Event, encodeEvent } from '../../src/authority/event/index.ts';
import type { Json } from '../../src/base/canonical.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { toHex } from '../../src/base/encoding.ts';
import { formatInstant } from '../../src/base/instant.ts';
import { signCheckpoint } from '../../src/chain/checkpoint.ts';
import { type ChainEvent, type Entry, sealEntry, ZERO_HASH } from '../../src/chain/entry.ts';
import { Frontier, leafHash } from '../../src/chain/tree.ts';
import type { Head, Row, Signer, Store } from '../../src/ports.ts';
import { intern, parsePermissions, type Scope } from '../../src/scope/scope.ts';
import { KEYS, ORIGIN, START } from '../kernel.ts';

export interface Chain {
  readonly rows: readonly Row[];
  readonly head: Head | null;
}

export const AUTHORITY = toDidKey(KEYS.authority.publicKey);

export async function chainOf(store: Store): Promise<Chain> {
  return store.read({ after: -1, limit: 1_000_000 });
}

export async function audited({ rows, head }: Chain, trust: Partial<Trust> = {}): Promise<AuditReport> {
  const audit = new Audit({ authority: AUTHORITY, ...trust });
  await audit.feed(rows);
  return audit.finish(head);
}

/** What was found and where, for example `3 law.LEASE_SUBSET_VIOLATION`; a finding about the whole chain stands at `*`. */
export async function faults(chain: Chain, trust?: Partial<Trust>): Promise<string[]> {
  const { findings } = await audited(chain, trust);
  return findings.map(({ sequence_number, rule }) => `${sequence_number ?? '*'} ${rule}`);
}

export const entriesOf = ({ rows }: Chain): Entry[] => rows.map(({ entry }) => JSON.parse(entry));

/** An entry with other members, its own and its event's; its row keeps the hash that it had. */
export function edited(
  row: Row,
  { event, ...own }: Partial<Omit<Entry, 'event'>> & { readonly event?: { readonly [member: string]: Json } },
): Row {
  const entry: Entry = JSON.parse(row.entry);
  return { ...row, entry: sealEntry({ ...entry, ...own, event: { ...entry.event, ...event } }).text };
}

/** The row with the hash that its bytes now have. */
export const rehashed = (row: Row): Row => ({ ...row, entry_hash: toHex(leafHash(row.entry)) });

/** Entries linked anew from the first to the last, under a head that the log's key signs: nothing shows but the law. */
export function rebuilt(entries: readonly Entry[], log: Signer = KEYS.log, origin = ORIGIN): Chain {
  let previous_hash = ZERO_HASH;
  const rows = entries.map((entry, sequence_number): Row => {
    const sealed = sealEntry({ ...entry, sequence_number, previous_hash });
    previous_hash = toHex(sealed.hash);
    return rowOf(sequence_number, previous_hash, sealed.text, entry.event.kind);
  });
  return { rows, head: headOver(rows, log, origin) };
}

const rowOf = (sequence_number: number, entry_hash: string, entry: string, kind: string): Row => ({
  sequence_number,
  entry_hash,
  entry,
  kind,
  names: [],
  within: [],
});

export function headOver(rows: readonly Row[], log: Signer = KEYS.log, origin = ORIGIN): Head {
  const frontier = Frontier.of(0, []);
  for (const { entry } of rows) frontier.append(leafHash(entry));
  return {
    size: rows.length,
    entry_hash: rows.at(-1)?.entry_hash ?? ZERO_HASH,
    checkpoint: signCheckpoint(origin, rows.length, frontier.root(), log),
  };
}

export function scope(permissions: { readonly [capability: string]: readonly string[] }, more?: Partial<Scope>): Scope {
  return intern({
    permissions: parsePermissions(permissions),
    argument_rules: [],
    limits: {},
    enforcement_triggers: ['ALERT_ONLY'],
    measurement_types: [],
    ...more,
  });
}

let nonces = 0;

/** A child that the authority signs without asking anybody. */
export function forged(parent: Sealed, changes: Partial<Draft>, signer: ArtifactSigner = KEYS.authority): Sealed {
  nonces += 1;
  return seal(
    {
      authority: AUTHORITY,
      parent: parent.hash,
      depth: parent.artifact.depth + 1,
      holder: null,
      subject: 'forged',
      purpose: 'forged',
      nonce: `forged${String(nonces).padStart(15, '0')}A`,
      issued_at: formatInstant(START),
      expires_at: parent.artifact.expires_at,
      scope: scope({ 'tool.call': ['files/read'] }),
      terms: { preset: null, min_binding: 'handle', budget_mode: null },
      delegation: { max_depth: 0, max_children: 32 },
      ...changes,
    },
    signer,
  );
}

/** Events made in the image of real ones, so that they have every member that theirs have. */
export function likeThose(entries: readonly Entry[]): {
  /** The delegation of a child, with an honest account of what was left out. */
  delegated(child: Sealed, parent: Sealed, time: number): Entry;
  created(root: Sealed, time: number): Entry;
  /** Another entry of that kind, with these members changed. */
  again(kind: string, time: number, changes?: { readonly [member: string]: Json }): Entry;
} {
  const first = (kind: string): Entry => entries.find(({ event }) => event.kind === kind)!;
  const carrying = (kind: string, sealed: Sealed, more: object, time: number): Entry =>
    at(time, encodeEvent({ ...decodeEvent(first(kind).event), sealed, request: null, ...more } as Event));
  return {
    delegated: (child, parent, time) =>
      carrying('DELEGATION', child, { scope_reduction: reduction(child.artifact.scope, parent.artifact.scope) }, time),
    created: (root, time) => carrying('ARTIFACT_CREATED', root, {}, time),
    again: (kind, time, changes = {}) => at(time, { ...first(kind).event, ...changes }),
  };
}

/** An event in an entry that nobody has judged; its place is given when the chain is rebuilt. */
export function at(time: number, event: ChainEvent): Entry {
  const timestamp = formatInstant(time);
  return { type: 'aga-entry/v1', chain: ORIGIN, sequence_number: 0, timestamp, previous_hash: ZERO_HASH, event };
}
