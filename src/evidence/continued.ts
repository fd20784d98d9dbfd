/**
 * Where an interrupted export goes on. Beside the unfinished file stand notes, a line each:
 *
 *     {"checkpoint":"…","size":n,"time":ms,"type":"aga-export/v1","wanted":{…}}
 *     {"bytes":n,"places":[[first,last],…],"sha256":"…","signature":"…"}
 *
 * The first says what is being written, as of which end of the chain; every other one that the file was so long, hashed
 * to this, and that the entries written since the note before are these. The log's key signs each of them over the hash
 * of the line before, so that nothing can be put into an export by changing what lies there: whatever does not agree is
 * forgotten, back to the last note that does.
 */
import * as z from 'zod';
import { Sha256, sha256Hex } from '#digest';
import { verify } from '#ed25519';
import { canonicalize, type Json } from '../base/canonical.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import { parseStrict } from '../base/strict-json.ts';
import type { Draft, Signer } from '../ports.ts';
import type { Subject } from './bundle.ts';
import type { End } from './gather.ts';

/** What is asked for; a run without a last entry goes to the end of the chain. */
export type Wanted = Subject | { readonly first: number; readonly last: null };

/** An export that was begun. */
export interface Begun {
  readonly wanted: Wanted;
  readonly end: End;
  /** Milliseconds since the epoch: what its seal will say. */
  readonly time: number;
}

/** How far it came. */
export interface Kept extends Begun {
  readonly hash: Sha256;
  readonly places: number[];
  readonly bytes: number;
  readonly notes: number;
}

const header = z.strictObject({
  type: z.literal('aga-export/v1'),
  wanted: z.custom<Json>(),
  size: z.int().min(1),
  checkpoint: z.string(),
  time: z.int().min(0),
});
const place = z.int().min(0);
const mark = z.strictObject({
  bytes: z.int().min(1),
  places: z.array(z.tuple([place, place])),
  sha256: z.string(),
  signature: z.string(),
});
type Mark = z.infer<typeof mark>;

/** The line that an export begins with. */
export const headerOf = ({ wanted, end, time }: Begun): string =>
  canonicalize({ type: 'aga-export/v1', wanted, size: end.size, checkpoint: end.checkpoint, time });

/** The line after `before`: `places` are the numbers of the entries that were written since. */
export function markAfter(
  before: string,
  { bytes, hash }: Pick<Kept, 'bytes' | 'hash'>,
  places: readonly number[],
  log: Signer,
): string {
  const unsigned = { bytes, places: runsOf(places), sha256: hash.hex() };
  return canonicalize({ ...unsigned, signature: toBase64url(log.sign(signedBytes(before, unsigned))) });
}

function signedBytes(before: string, { bytes, places, sha256 }: Omit<Mark, 'signature'>): Uint8Array {
  const statement = { type: 'aga-export-mark/v1', before: sha256Hex(before), bytes, places, sha256 };
  return new TextEncoder().encode(canonicalize(statement));
}

/** How far an export of the same came; `undefined` where there is none, or where nothing of it can be trusted. */
export async function keptIn(draft: Draft, wanted: Wanted, log: Signer): Promise<Kept | undefined> {
  const [first = '', ...lines] = draft.notes;
  const begun = decoded(header, first);
  if (!begun || canonicalize(begun.wanted) !== canonicalize(wanted)) return undefined;
  const { hash, marks } = await agreeing(draft, signedMarks(first, lines, log));
  const bytes = marks.at(-1)?.bytes;
  if (bytes === undefined) return undefined;
  const places = marks.flatMap((mark) => mark.places.flatMap(numbersOf));
  const { size, checkpoint, time } = begun;
  return { wanted, end: { size, checkpoint }, time, hash, places, bytes, notes: 1 + marks.length };
}

function signedMarks(first: string, lines: readonly string[], log: Signer): Mark[] {
  const marks: Mark[] = [];
  for (let before = first; marks.length < lines.length; before = lines[marks.length - 1]!) {
    const line = lines[marks.length]!;
    const next = decoded(mark, line);
    const signature = fromBase64url(next?.signature ?? '');
    if (!next || !signature || !verify(signature, signedBytes(before, next), log.publicKey)) break;
    marks.push(next);
  }
  return marks;
}

/** The marks that the bytes agree with, from the first on, and the hash of the bytes up to the last of them. */
async function agreeing(draft: Draft, marks: readonly Mark[]): Promise<{ hash: Sha256; marks: readonly Mark[] }> {
  const hash = new Sha256();
  let [at, count] = [0, 0];
  for await (const bytes of draft.read(marks.at(-1)?.bytes ?? 0)) {
    let rest = bytes;
    for (let next = marks[count]; next && at + rest.length >= next.bytes; next = marks[count]) {
      hash.update(rest.subarray(0, next.bytes - at));
      if (hash.hex() !== next.sha256) return agreeing(draft, marks.slice(0, count));
      rest = rest.subarray(next.bytes - at);
      at = next.bytes;
      count += 1;
    }
    hash.update(rest);
    at += rest.length;
  }
  return count === marks.length ? { hash, marks } : agreeing(draft, marks.slice(0, count));
}

function decoded<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.safeParse(parseStrict(line, { maxBytes: 1 << 20 })).data;
  } catch {
    return undefined;
  }
}

/** Rising numbers as first and last of each run. */
function runsOf(numbers: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run && run[1] + 1 === number) run[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}

const numbersOf = ([first, last]: readonly [number, number]): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
