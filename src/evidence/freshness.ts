/**
 * Freshness: what an enforcement point that is offline can demand to be at most so old.
 *
 *     {"type":"aga-freshness/v1","artifact_hash":"…","chain":"<origin>","log":{"size":n,"root_hash":"…"},
 *      "status":"live","time":"…","signature":"…"}        in RFC 8785 form
 *
 * The log's key says: at `time`, with the chain `size` entries long, this artifact had that status, its whole lineage
 * considered. The signature is over the RFC 8785 form without it. A revocation is a position on the log: a statement
 * about a longer chain overrules one about a shorter.
 */
import * as z from 'zod';
import { verify } from '#ed25519';
import { canonicalize } from '../base/canonical.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import { formatInstant, parseInstant } from '../base/instant.ts';
import { parseVerifierKey } from '../chain/checkpoint.ts';
import type { Signer } from '../ports.ts';
import { parseEvidence } from './document.ts';
import { reportIssues } from './issues.ts';
import { followKeys, opened } from './log-keys.ts';
import { Findings, type Verdict } from './report.ts';

const STATUSES = ['live', 'suspended', 'expired', 'revoked'] as const;
export type Status = (typeof STATUSES)[number];

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  type: z.literal('aga-freshness/v1'),
  artifact_hash: hash,
  chain: z.string(),
  log: z.strictObject({ size: z.int().min(1), root_hash: hash }),
  status: z.enum(STATUSES),
  time: z.string().refine((text) => parseInstant(text) !== undefined, 'not a UTC time with milliseconds'),
  signature: z.string(),
});
type Statement = z.infer<typeof schema>;

const bytesOf = (unsigned: Omit<Statement, 'signature'>): Uint8Array =>
  new TextEncoder().encode(canonicalize(unsigned));

export interface Said {
  readonly artifact_hash: string;
  readonly chain: string;
  readonly log: { readonly size: number; readonly root_hash: string };
  readonly status: Status;
}

/** `time` in milliseconds since the epoch. */
export function sayFreshness(said: Said, log: Signer, time: number): string {
  const unsigned = { ...said, type: 'aga-freshness/v1' as const, time: formatInstant(time) };
  return canonicalize({ ...unsigned, signature: toBase64url(log.sign(bytesOf(unsigned))) });
}

export interface Demand {
  readonly artifactHash: string;
  /** C2SP verifier key of the log: the present one, or one from which `succession` leads to it. */
  readonly logKey: string;
  /** did:key of the authority, and what it let the log's key be followed by: `LOG_KEY` entries in RFC 8785 form. */
  readonly succession?: { readonly authority: string; readonly entries: readonly string[] };
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds that the statement may be old. */
  readonly maxAge: number;
  /** Entries of the longest chain seen so far; a statement about a shorter one is overruled. */
  readonly seen?: number;
}

const SKEW = 5 * 60_000;

/** Whether the artifact may be relied on now. Never throws; every fault is a finding. */
export function judgeFreshness(
  text: string | Uint8Array,
  { artifactHash, logKey, succession, at, maxAge, seen: longest = 0 }: Demand,
): Verdict {
  const findings = new Findings();
  const value = parseEvidence(text, findings);
  if (value === undefined) return findings.verdict;
  const decoded = schema.safeParse(value);
  if (!decoded.success) {
    reportIssues(decoded.error.issues, value, findings);
    return findings.verdict;
  }
  const { signature, ...unsigned } = decoded.data;
  const keys = followKeys({ authority: '', ...succession, key: logKey, from: -1 }, opened(succession?.entries ?? []));
  const present = keys.at(-1)!;
  // Who knows of a change of keys has seen a chain that holds it: what the former key says is overruled.
  const seen = Math.max(longest, present.from + 1);
  const [key, bytes] = [parseVerifierKey(present.key), fromBase64url(signature)];
  const time = parseInstant(unsigned.time)!;
  const document = typeof text === 'string' ? text : new TextDecoder().decode(text);
  if (canonicalize(value) !== document) findings.add(null, 'canonical_form', 'The statement is not in RFC 8785 form.');
  if (!key || !bytes || !verify(bytes, bytesOf(unsigned), key.publicKey))
    findings.add(null, 'signature', "The statement is not signed by the log's key.");
  if (unsigned.chain !== key?.name)
    findings.add(null, 'chain', `The statement is about the chain "${unsigned.chain}".`);
  if (unsigned.artifact_hash !== artifactHash)
    findings.add(null, 'subject', 'The statement is about another artifact.');
  if (unsigned.status !== 'live') findings.add(null, 'status', `The artifact was ${unsigned.status} then.`);
  if (unsigned.log.size < seen) findings.add(null, 'overruled', `A chain of ${seen} entries was seen before.`);
  if (time > at + SKEW) findings.add(null, 'future', `The statement is dated ${unsigned.time}.`);
  if (time + maxAge < at) findings.add(null, 'age', `The statement is ${at - time} ms old; ${maxAge} are allowed.`);
  return findings.verdict;
}
