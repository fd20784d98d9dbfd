/** Bytes → a bundle taken apart, or why they are none. Nothing is believed here; form alone is judged. */
import * as z from 'zod';
import { decodeEvent, type Event } from '../authority/event/index.ts';
import { canonicalize, type Json } from '../base/canonical.ts';
import { fromBase64url } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { parseStrict } from '../base/strict-json.ts';
import { type Entry, readEntry } from '../chain/entry.ts';
import { type Contents, type Seal, TYPE, textOf } from './bundle.ts';
import { reportIssues } from './issues.ts';
import type { Findings } from './report.ts';

export interface OpenedEntry {
  readonly entry: Entry;
  /** RFC 8785 form: the hashed bytes. */
  readonly text: string;
  /** What the entry says; `undefined` where it is no event that this version knows. */
  readonly event: Event | undefined;
}

export interface OpenedBundle {
  readonly contents: Contents;
  readonly seal: Seal;
  readonly entries: readonly OpenedEntry[];
}

export interface Limits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** A bundle of half a million entries; an entry may be as deep as any input, and stands two levels down. */
const LIMITS: Limits = { maxBytes: 256 << 20, maxDepth: 66 };

/** The document as a value; what is wrong with the text is a finding, and then there is none. */
export function parseEvidence(bytes: Uint8Array | string, findings: Findings): Json | undefined {
  try {
    return parseStrict(bytes, LIMITS);
  } catch (error) {
    const { message } = Refusal.from(error);
    findings.add(null, message.includes('twice') ? 'duplicate_member' : 'json', message);
    return undefined;
  }
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not 64 lower-case hex digits');
const place = z.int().min(0);
const schema = z.strictObject({
  type: z.literal(TYPE),
  subject: z.union([z.strictObject({ artifact_hash: hash }), z.strictObject({ first: place, last: place })]),
  keys: z.strictObject({ authority: z.string(), log: z.string() }),
  lineage: z.array(hash),
  entries: z.array(z.custom<Json>()),
  proof: z.array(hash),
  checkpoint: z.string(),
  seal: z.strictObject({
    time: z.string().refine((text) => parseInstant(text) !== undefined, 'not a UTC time with milliseconds'),
    signature: z.string().refine((text) => fromBase64url(text)?.length === 64, 'not 64 bytes of base64url'),
  }),
});

/** `document` is the text that `value` was parsed from; `watch` is told entries done, entries there are. */
export function openBundle(
  value: Json,
  document: string,
  findings: Findings,
  watch: (done: number, total: number) => void = () => undefined,
): OpenedBundle | undefined {
  const decoded = schema.safeParse(value);
  if (!decoded.success) {
    reportIssues(decoded.error.issues, value, findings);
    return undefined;
  }
  const { type: _, seal, entries: values, ...rest } = decoded.data;
  if (values.length === 0) findings.add(null, 'empty', 'The bundle holds no entries.');
  const entries = values.flatMap((each, index) => {
    watch(index, values.length);
    return openOne(each, index, findings);
  });
  if (entries.length === 0 || entries.length < values.length) return undefined;
  const contents = { ...rest, entries: entries.map(({ text }) => text) };
  if (textOf(contents, seal) !== document)
    findings.add(null, 'canonical_form', 'The document is not in RFC 8785 form: the same content has other bytes.');
  return { contents, seal, entries };
}

function openOne(value: Json, index: number, findings: Findings): OpenedEntry[] {
  let entry: Entry;
  let text: string;
  try {
    entry = readEntry(value);
    text = canonicalize(entry);
  } catch {
    findings.add(null, 'entry', `entries[${index}] is not a chain entry.`);
    return [];
  }
  try {
    return [{ entry, text, event: decodeEvent(entry.event) }];
  } catch (error) {
    findings.add(entry.sequence_number, 'event', Refusal.from(error).message);
    return [{ entry, text, event: undefined }];
  }
}
