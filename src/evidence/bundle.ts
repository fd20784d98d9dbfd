/**
 * The evidence bundle: what a stranger needs to judge one artifact, its lineage and everything that was done under it,
 * without the chain, the database or this software. The whole format is described in `docs/format.md`.
 *
 *     { "type": "aga-bundle/v1",
 *       "subject": {"artifact_hash": "…"} | {"first": n, "last": m},
 *       "keys": {"authority": "did:key:…", "log": "<C2SP verifier key>"},
 *       "lineage": [<hash of the root>, …, <hash of the subject>],
 *       "entries": [<entry>, …],
 *       "proof": [<hash>, …],
 *       "checkpoint": "<C2SP signed note>",
 *       "seal": {"time": "…", "signature": "…"} }
 *
 * One JSON document in RFC 8785 form. `entries` rise by sequence number, begin with the genesis and hold every change of
 * the log's key; `proof` is the
 * multiproof (`multiproof.ts`) that the checkpoint's tree holds exactly these entries in these places. `keys` and
 * `lineage` are claims: both are recomputed from the entries, and neither is trusted. The seal is the log key's
 * signature over the whole document, so no byte is free, and dropping an entry is as visible as changing one:
 *
 *     {"type":"aga-seal/v1","bundle":<hex SHA-256 of the document without "seal">,"time":"…"}      in RFC 8785 form
 */
import { sha256Hex } from '#digest';
import { canonicalize } from '../base/canonical.ts';
import { toBase64url } from '../base/encoding.ts';
import { formatInstant } from '../base/instant.ts';
import type { Entry } from '../chain/entry.ts';
import type { Signer } from '../ports.ts';

/** What a bundle is about: an artifact with its lineage and subtree, or a run of entries (both ends included). */
export type Subject = { readonly artifact_hash: string } | { readonly first: number; readonly last: number };

/** What is sealed, `entries` as the texts that were hashed. */
export interface Contents {
  readonly subject: Subject;
  readonly keys: { readonly authority: string; readonly log: string };
  readonly lineage: readonly string[];
  readonly entries: readonly string[];
  /** Lower-case hex. */
  readonly proof: readonly string[];
  readonly checkpoint: string;
}

export interface Seal {
  readonly time: string;
  /** By the log key, base64url. */
  readonly signature: string;
}

export const TYPE = 'aga-bundle/v1';

/**
 * Entries that bear on everything below an artifact, and the member that names it: of an ancestor, a bundle holds these
 * and its creation. A job's own events are left out: they may name a sibling, and nothing below depends on them.
 */
export const OF_LINEAGE: { readonly [kind: string]: string } = {
  ENROLLMENT: 'artifact_hash',
  REVOCATION: 'artifact_hash',
  EXPIRY: 'artifact_hash',
  TRIGGER: 'artifact_hash',
  JOB_ACCEPTED: 'child_artifact_hash',
  JOB_ENDED: 'child_artifact_hash',
};

/** What names the log's keys: every bundle holds all of them. */
export const ALWAYS: readonly string[] = ['GENESIS', 'LOG_KEY'];

/** The artifact on which, and on everything below it, the entry bears; `undefined` where it bears on nothing below. */
export function bearsOn({ event }: Entry): string | undefined {
  const member = Object.hasOwn(OF_LINEAGE, event.kind) ? event[OF_LINEAGE[event.kind]!] : undefined;
  return typeof member === 'string' ? member : undefined;
}

/**
 * The document in RFC 8785 form; without `seal` it is what the seal is about. Entries are text already, and stay it:
 * nothing is parsed to be written again.
 */
export function textOf({ subject, keys, lineage, entries, proof, checkpoint }: Contents, seal?: Seal): string {
  const members: [string, string][] = [
    ['checkpoint', canonicalize(checkpoint)],
    ['entries', `[${entries.join()}]`],
    ['keys', canonicalize(keys)],
    ['lineage', canonicalize(lineage)],
    ['proof', canonicalize(proof)],
    ...(seal ? [['seal', canonicalize(seal)] as [string, string]] : []),
    ['subject', canonicalize(subject)],
    ['type', canonicalize(TYPE)],
  ];
  return `{${members.map(([name, value]) => `"${name}":${value}`).join()}}`;
}

/** The document around its entries: what stands before them, and what behind. */
export function aroundEntries(contents: Omit<Contents, 'entries'>, seal?: Seal): [string, string] {
  return splitBehind(textOf({ ...contents, entries: [] }, seal), '"entries":[');
}

/** Inside a text of the document the quotes of the member would be escaped. */
export function splitBehind(document: string, member: string): [string, string] {
  const at = document.indexOf(member) + member.length;
  return [document.slice(0, at), document.slice(at)];
}

/** The bytes that the log key signs for these contents, at `time` as it is written. */
const sealBytes = (contents: Contents, time: string): Uint8Array => sealBytesOf(sha256Hex(textOf(contents)), time);

/** The same, where the hash of the document without its seal is known. */
export const sealBytesOf = (bundle: string, time: string): Uint8Array =>
  new TextEncoder().encode(canonicalize({ type: 'aga-seal/v1', bundle, time }));

/** The bundle as it is written. `time` in milliseconds since the epoch. */
export function seal(contents: Contents, log: Signer, time: number): string {
  const at = formatInstant(time);
  return textOf(contents, { time: at, signature: toBase64url(log.sign(sealBytes(contents, at))) });
}
