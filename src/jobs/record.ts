/** Writes what happens in jobs on the chain. Whoever comes second finds the job ended, and writes nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../authority/event/index.ts';
import { type EndState, hasEnded, type Job } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { operator } from '../caller.ts';
import type { Service } from '../service/service.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import { digestOf } from './journal.ts';

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

/** While the store is away, an end is tried again for so long, in milliseconds. */
const PATIENCE = 60_000;

export class JobRecord {
  readonly #service: Service;
  readonly #self = operator();

  constructor(service: Service) {
    this.#service = service;
  }

  /** The event by which a pending job begins to run; the law lets there be one. */
  static runs(job: Job): Event {
    return event(job, 'status', '');
  }

  /** False where the job is over, or its authority. */
  running(id: string): Promise<boolean> {
    return this.#write(id, (job, context) =>
      job.state !== 'pending' || overOf(job, context) ? null : JobRecord.runs(job),
    );
  }

  said(id: string, { type, said }: Said): Promise<boolean> {
    return this.#write(id, (job) => event(job, type, digestOf(said)));
  }

  /** A success after the end of its authority is none. */
  async ended(id: string, end: End): Promise<boolean> {
    for (const until = performance.now() + PATIENCE; ; ) {
      try {
        return await this.#write(id, (job, context) =>
          endOf(job, (end.state === 'success' && overOf(job, context)) || end),
        );
      } catch (error) {
        if (!(error instanceof Refusal && error.code === 'CHAIN_CONTENDED') || performance.now() > until) throw error;
        await sleep(100);
      }
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
