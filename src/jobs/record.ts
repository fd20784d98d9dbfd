/** Records what happens in jobs on the chain. A job ends once: later ends find it ended, and write nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../authority/event/index.ts';
import { type EndState, hasEnded, type Job } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { operator } from '../caller.ts';
import type { Service } from '../service/service.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import { digestOf, type Journal } from './journal.ts';

export interface End {
  readonly state: EndState;
  /** Null on success. */
  readonly code: string | null;
  /** Result or error, as the journal keeps it. */
  readonly said?: Json;
}

export interface Said {
  readonly type: 'progress' | 'log';
  readonly said: Json;
}

/** While the store is away, what is to be written is tried again for so long, in milliseconds. */
const PATIENCE = 60_000;

export class JobRecord {
  readonly #service: Service;
  readonly #journal: Journal;
  readonly #self = operator();
  /** What was said while the store was away, and is tried again: nothing that came later overtakes it. */
  readonly #late = new Map<string, Promise<unknown>>();

  constructor(service: Service, journal: Journal) {
    this.#service = service;
    this.#journal = journal;
  }

  /** The event by which a pending job begins to run; the law lets there be one. */
  static runs(job: Job): Event {
    return event(job, 'status', '');
  }

  /** False where the job is over, or its authority. */
  running(id: string): Promise<boolean> {
    return this.#inTurn(id, () =>
      this.#write(id, (job, context) => (job.state !== 'pending' || overOf(job, context) ? null : JobRecord.runs(job))),
    );
  }

  /** Contents first: a digest on the chain without them would be a riddle for ever. */
  async said(id: string, sayings: readonly Said[]): Promise<void> {
    if (sayings.length === 0) return;
    await this.#inTurn(id, async () => {
      const contents = sayings.map(({ said }): Json => said);
      const kept = this.#journal.keep(id, contents);
      // Without a wait where there is none, so that what follows at once shares a commit.
      if (kept) await kept;
      await Promise.all(sayings.map(({ type, said }) => this.#write(id, (job) => event(job, type, digestOf(said)))));
    });
  }

  /** A success after the end of its authority is none, and one whose result is lost is none either. */
  async ended(id: string, end: End): Promise<boolean> {
    const attempt = async (): Promise<boolean> => {
      const before = this.#late.get(id);
      if (before) await before;
      return this.#end(id, end);
    };
    try {
      return await patiently(attempt);
    } catch (error) {
      if (error instanceof NotKept) return this.#end(id, lost(end));
      throw error;
    }
  }

  /** The job and how its authority has ended, if it has. */
  look<O>(answer: (context: Context) => O): Promise<O> {
    return this.#service.askAnyone({
      name: 'job',
      caller: this.#self,
      writes: false,
      decide: (context) => ({ answer: answer(context) }),
    });
  }

  /** Tried again while the store is away, and overtaken by nothing that came later. */
  async #inTurn<T>(id: string, attempt: () => Promise<T>): Promise<T> {
    const before = this.#late.get(id);
    if (before) await before;
    try {
      return await attempt();
    } catch (error) {
      if (!isAway(error)) throw error;
      const again = patiently(attempt);
      const late = again.then(
        () => undefined,
        () => undefined,
      );
      this.#late.set(id, late);
      return await again.finally(() => this.#late.get(id) === late && this.#late.delete(id));
    }
  }

  async #end(id: string, end: End): Promise<boolean> {
    // Nothing is known under its digest to everybody.
    const said = end.said === null ? undefined : end.said;
    const kept = said === undefined ? undefined : this.#keep(id, said);
    if (kept) await kept;
    const written = this.#write(id, (job, context) =>
      endOf(job, (end.state === 'success' && overOf(job, context)) || end),
    );
    const [isNew] = await Promise.all([written, said === undefined ? undefined : this.#journal.settle(id)]);
    return isNew;
  }

  #keep(id: string, said: Json): Promise<void> | undefined {
    const failed = (error: unknown): never => {
      if (isAway(error)) throw error;
      throw new NotKept('what was said could not be kept', { cause: error });
    };
    try {
      return this.#journal.keep(id, [said])?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  #write(id: string, make: (job: Job, context: Context) => Event | null): Promise<boolean> {
    return this.#service.askAnyone<boolean>({
      name: 'job',
      caller: this.#self,
      writes: true,
      decide(context) {
        const job = context.state.jobs.get(id);
        const event = job && !hasEnded(job) ? make(job, context) : null;
        return event ? { event, tell: () => true } : { answer: false };
      },
    });
  }
}

const isAway = (error: unknown): boolean => error instanceof Refusal && error.code === 'CHAIN_CONTENDED';

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (const until = performance.now() + PATIENCE; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!isAway(error) || performance.now() > until) throw error;
      await sleep(100);
    }
  }
}

class NotKept extends Error {
  override readonly name = 'NotKept';
}

const lost = ({ state, code }: End): End =>
  state === 'success' ? { state: 'error', code: 'INTERNAL' } : { state, code };

const event = (job: Job, event_kind: 'status' | Said['type'], digest: string): Event => ({
  kind: 'JOB_EVENT',
  job_id: job.id,
  child_artifact_hash: job.artifact,
  event_number: job.events + 1,
  event_kind,
  digest,
  delegated: null,
});

const endOf = (job: Job, { state, code, said }: End): Event => ({
  kind: 'JOB_ENDED',
  job_id: job.id,
  child_artifact_hash: job.artifact,
  event_number: job.events + 1,
  state,
  code,
  digest: said === undefined ? '' : digestOf(said),
});
