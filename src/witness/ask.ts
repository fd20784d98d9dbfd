/** Has one witness cosign the newest checkpoint: from where it stands, with what it answers judged before it is kept. */
import { parseInstant } from '../base/instant.ts';
import { openEntry } from '../chain/entry.ts';
import { type CosignedSource, isOf } from '../evidence/cosigned.ts';
import { judge, OTHER_HISTORY, type Span, submission, type Trouble, trouble } from '../evidence/witness.ts';
import type { Clock, Head, Page, Query } from '../ports.ts';
import type { Book, Witness } from './book.ts';
import { type Post, Unreachable } from './post.ts';

/** A chain whose checkpoints are shown to witnesses. */
export interface Chain extends CosignedSource {
  read(query: Query): Promise<Page>;
}

export interface World {
  readonly chain: Chain;
  readonly book: Book;
  readonly post: Post;
  readonly clock: Clock;
}

export interface Cosigning {
  /** Number of entries of the checkpoint. */
  readonly size: number;
  readonly root: Uint8Array;
  /** POSIX time. */
  readonly seconds: number;
}

/** Clocks of several machines may differ by this much, in seconds. */
const SKEW = 300;
/** Another process may get ahead of us once or twice; a witness that names ever new sizes is left alone. */
const ROUNDS = 4;

/** Null where the chain has no entries yet. */
export const headOf = async (chain: Chain): Promise<Head | null> =>
  (await chain.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 })).head;

/** The newest checkpoint that this witness has cosigned, as far as is remembered here. */
export async function newestOf(book: Book, { verifier }: Witness): Promise<Cosigning | undefined> {
  for (const { size, root, by } of await book.cosigned()) {
    const own = by.find(({ name, keyId }) => name === verifier.name && keyId === verifier.keyId);
    if (own) return { size, root, seconds: own.seconds };
  }
  return undefined;
}

export interface AskOptions {
  /** Asks also for what is remembered as cosigned: whether the witness has seen more is known to the witness alone. */
  readonly fresh?: boolean;
  readonly signal?: AbortSignal;
}

type Answer = Pick<Cosigning, 'size' | 'seconds'> | Trouble;

/** Resolves to the cosigning of `head` or of a newer one, or to why there is none. Whatever else fails is thrown. */
export async function ask(
  world: World,
  witness: Witness,
  head: Head,
  { fresh = false, signal }: AskOptions = {},
): Promise<Answer> {
  const { chain, book } = world;
  const before = await newestOf(book, witness);
  let step = await stepFrom(chain, before?.size ?? 0, head);
  if ('code' in step) return step;
  if (before && !(await isOf(chain, before, step.target))) return OTHER_HISTORY;
  if (before?.size === step.target.size && !fresh) return before;
  for (let round = 0; round < ROUNDS; round++) {
    const next = await roundOf(world, witness, step, signal);
    if (!('target' in next)) return next;
    step = next;
  }
  return trouble('protocol', 'It names another size each time that it is asked.');
}

/** What a witness is asked for: to go on from the first `old` entries to the target. */
interface Step {
  readonly old: number;
  readonly target: Head;
}

/** From what the witness knows to `head`, or to what is there now: another process, or another replica, may have shown it more. */
async function stepFrom(chain: Chain, old: number, head: Head): Promise<Step | Trouble> {
  const target = old > head.size ? ((await headOf(chain)) ?? head) : head;
  return old > target.size ? ahead(old, target.size) : { old, target };
}

/** Asks once: resolves to what comes of it, or to the step to ask for instead. */
async function roundOf(
  { chain, book, post, clock }: World,
  { url, verifier }: Witness,
  { old, target }: Step,
  signal: AbortSignal | undefined,
): Promise<Answer | Step> {
  const { size, checkpoint } = target;
  const body = await submission(chain, old, target);
  const answer = await post(`${url}/add-checkpoint`, body, { signal }).catch((error: unknown) => {
    if (error instanceof Unreachable) return trouble('unreachable', `It cannot be reached: ${error.message}.`);
    throw error;
  });
  if ('code' in answer) return answer;
  const said = judge(answer, { checkpoint, size, old }, verifier, await spanOf(chain, size, clock));
  if ('code' in said) return said;
  if ('line' in said) {
    await book.keep(checkpoint, said.line);
    return { size, seconds: said.seconds };
  }
  if (said.knows === old)
    return trouble('protocol', `It says that it knows ${old} entries, and refuses to go on from there.`);
  return stepFrom(chain, said.knows, target);
}

const ahead = (cosigned: number, size: number): Trouble =>
  trouble(
    'ahead',
    `The witness has cosigned ${cosigned} entries of this log, and the chain here has ${size}: it was cut, or stands here as an old copy. Run aga-delegate verify, and keep every copy.`,
    true,
  );

/** Nobody saw the checkpoint before its last entry was written, nor after now. */
async function spanOf(chain: Chain, size: number, clock: Clock): Promise<Span> {
  const [last] = (await chain.read({ after: size - 2, limit: 1 })).rows;
  const written = last ? (parseInstant(openEntry(last.entry).timestamp) ?? 0) : 0;
  return { from: Math.floor(written / 1000) - SKEW, to: Math.floor(clock() / 1000) + SKEW };
}
