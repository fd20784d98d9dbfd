/** A call of the sequencer, from waiting over decided to answered. */
import { decodeEvent, type Event } from '../authority/event/index.ts';
import type { State } from '../authority/state.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import type { Entry } from '../chain/entry.ts';
import type { Row } from '../ports.ts';
import type { Context, Reader, Step } from '../tools/tool.ts';

export interface Call<O> {
  /** Named in the record of a refusal. */
  readonly name: string;
  readonly caller: Caller;
  /** The artifact that a refusal is recorded against, where the caller is known by a secret alone. */
  blame?(state: State): string | null;
  /** Whether it may propose an event; other calls are answered without a commit. */
  readonly writes: boolean;
  decide(context: Context): Step<O>;
  /** Answers when the chain is broken and there is no state to decide on; without it such a call is refused with `why`. */
  whenBroken?(reader: Reader, why: Refusal): Promise<O>;
}

/** A call that waits in the sequencer's queue. */
export interface Job {
  readonly call: Call<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The decision, once it is made; `row` if it proposed an event. */
  outcome?: { readonly step: Step<unknown>; readonly row?: Row } | { readonly error: unknown };
  /** Why one of its events was refused when the batch was first decided. */
  refused?: { readonly error: unknown };
}

/** Some events of a request were applied before another was refused. A ledger cannot undo events, so the batch starts again. */
export class HalfDecided extends Error {
  readonly job: Job;

  constructor(job: Job, cause: unknown) {
    super('one of several events was refused', { cause });
    this.job = job;
  }
}

/** Gives the caller the answer, or the refusal. */
export async function settle({ outcome, resolve, reject }: Job, reader: Reader): Promise<void> {
  try {
    if (!outcome) throw new Error('a job of the batch was not decided');
    if ('error' in outcome) throw outcome.error;
    const { step, row } = outcome;
    if ('answer' in step) resolve(step.answer);
    else if ('later' in step) resolve(await step.later(reader));
    else if ('recall' in step) resolve(await recall(step.recall, step.tell, reader));
    else if (row) resolve(step.tell(step.event, row));
  } catch (error) {
    reject(error);
  }
}

async function recall<O>(sequence: number, tell: (event: Event, at: Row) => O, reader: Reader): Promise<O> {
  const { rows } = await reader.read({ after: sequence - 1, limit: 1 });
  const [row] = rows;
  if (!row) throw new Error('a remembered entry is not on the chain');
  const { event } = JSON.parse(row.entry) as Entry; // our own bytes
  return tell(decodeEvent(event), row);
}
