/**
 * A document → a bundle taken apart, or why it is none. Nothing is believed here; form alone is judged.
 *
 * A bundle may be as long as a chain: its entries are read from the bytes one after another, once for the survey and once
 * more where the law is asked, and nothing is kept of them but the survey.
 */
import * as z from 'zod';
import { Sha256 } from '#digest';
import { decodeEvent, type Event } from '../authority/event/index.ts';
import { canonicalize, type Json } from '../base/canonical.ts';
import { fromBase64url } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { type Entry, readEntry } from '../chain/entry.ts';
import { aroundEntries, type Contents, type Seal, type Subject, TYPE } from './bundle.ts';
import type { Cut } from './cut.ts';
import { type Document, elementsOf, judgeElements } from './document.ts';
import { reportIssues } from './issues.ts';
import { Findings, MOST_FINDINGS } from './report.ts';
import { type Creation, type OpenedEntry, Survey } from './survey.ts';

export interface OpenedBundle {
  readonly contents: Omit<Contents, 'entries'>;
  readonly seal: Seal;
  /** SHA-256 of the RFC 8785 form without the seal. */
  readonly hash: string;
  readonly survey: Survey;
  /** Read anew each time they are gone through. */
  readonly entries: Iterable<OpenedEntry>;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not 64 lower-case hex digits');
const place = z.int().min(0);
const subject = z.union([z.strictObject({ artifact_hash: hash }), z.strictObject({ first: place, last: place })]);
const schema = z.strictObject({
  type: z.literal(TYPE),
  // Of which of the two forms a member is missing, or too many, nobody can say.
  subject: z.custom<Subject>((value) => subject.safeParse(value).success, 'neither an artifact nor a run'),
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

/** `bytes` are those of the document; `watch` is told entries done, entries there are. */
export function openBundle(
  { value, cut }: Document,
  bytes: Uint8Array | string,
  findings: Findings,
  watch: (done: number, total: number) => void = () => undefined,
): OpenedBundle | undefined {
  const decoded = schema.safeParse(value);
  if (!decoded.success || !cut) {
    if (!cut || judgeElements(cut, findings)) reportIssues(decoded.error?.issues ?? [], value, findings);
    return undefined;
  }
  const { type: _, entries: __, seal, ...contents } = decoded.data;
  const survey = new Survey(contents.subject);
  const [form, events] = [new Findings(), new Findings()];
  if (cut.count === 0) form.add(null, 'empty', 'The bundle holds no entries.');
  const [unsealed, whole] = [new Written(aroundEntries(contents)), new Written(aroundEntries(contents, seal))];
  let index = 0;
  for (const each of elementsOf(cut)) {
    watch(index, cut.count);
    if (each === undefined) {
      judgeElements(cut, findings);
      return undefined;
    }
    // Behind so many that are none nothing more is told: the rest need only be JSON.
    if (index - survey.numbers.length < MOST_FINDINGS) {
      const text = surveyOne(each, index, survey, { form, events });
      for (const written of [unsealed, whole]) written.add(text);
    }
    index += 1;
  }
  findings.join(form);
  if (survey.numbers.length < Math.max(1, cut.count)) return undefined;
  findings.join(events);
  const document = new Sha256();
  document.update(bytes);
  if (whole.hex() !== document.hex())
    findings.add(null, 'canonical_form', 'The document is not in RFC 8785 form: the same content has other bytes.');
  const entries = { [Symbol.iterator]: () => entriesIn(cut, survey.creations) };
  return { contents, seal, hash: unsealed.hex(), survey, entries };
}

/** The RFC 8785 form of what is surveyed, empty for what is no entry. */
function surveyOne(
  value: Json,
  index: number,
  survey: Survey,
  { form, events }: { readonly form: Findings; readonly events: Findings },
): string {
  let entry: Entry;
  let text: string;
  try {
    entry = readEntry(value);
    text = canonicalize(entry);
  } catch {
    form.add(null, 'entry', `entries[${index}] is not a chain entry.`);
    return '';
  }
  survey.add({ entry, event: eventIn(entry, events) }, text);
  return text;
}

function eventIn(entry: Entry, findings?: Findings): Event | undefined {
  try {
    return decodeEvent(entry.event);
  } catch (error) {
    findings?.add(entry.sequence_number, 'event', Refusal.from(error).message);
    return undefined;
  }
}

/** What was found to be entries. Artifacts are those of the survey: of them it is known who signed them. */
function* entriesIn(cut: Cut, creations: ReadonlyMap<number, Creation>): Generator<OpenedEntry> {
  let index = 0;
  for (const each of elementsOf(cut)) {
    const entry = readEntry(each ?? null);
    yield { entry, event: creations.get(index)?.event ?? eventIn(entry) };
    index += 1;
  }
}

/** The document as it would be written, hashed as it grows. */
class Written {
  readonly #hash = new Sha256();
  readonly #behind: string;
  #comma = '';

  constructor([before, behind]: readonly [string, string]) {
    this.#hash.update(before);
    this.#behind = behind;
  }

  add(text: string): void {
    this.#hash.update(`${this.#comma}${text}`);
    this.#comma = ',';
  }

  /** Once: nothing follows it. */
  hex(): string {
    this.#hash.update(this.#behind);
    return this.#hash.hex();
  }
}
