/**
 * Jobs for workers elsewhere: they take one, say how it goes, and give its result, all by asking. Who may take a job is who
 * was made for it by somebody above it: its artifact bears the agent's name, and its parent is one that sees the job.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { jobNotFound } from '../authority/event/job-event.ts';
import { find } from '../authority/find.ts';
import { hasEnded, type Job, type JobState } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import { formatInstant } from '../base/instant.ts';
import type { Caller } from '../caller.ts';
import type { Entry } from '../chain/entry.ts';
import type { Service } from '../service/service.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import { Allowance } from './allowance.ts';
import { Claims } from './claims.ts';
import type { Journal } from './journal.ts';
import { JobRecord } from './record.ts';
import type { Saying } from './saying.ts';
import { type SignalSource, signal } from './signal.ts';

export interface Taken {
  readonly job_id: string;
  readonly agent: string;
  readonly input: Json;
  readonly artifact_hash: string;
  /** By which the worker becomes the holder of the job's artifact. */
  readonly enrollment_token: string;
  /** UTC */
  readonly expires_at: string;
  readonly traceparent: string | null;
}

export interface RemoteOptions {
  readonly service: Service;
  readonly journal: Journal;
  /** Ids of the agents that work elsewhere. */
  readonly agents: ReadonlySet<string>;
  readonly enrolment: (artifactHash: string) => string;
  /** Calls back when this process has a job for a worker elsewhere. */
  readonly offered: SignalSource;
}

/** How often a waiting worker's question is asked again where nothing tells of a job, in milliseconds. */
const PERIOD = 200;
/** How long an input may take to be found, in milliseconds. */
const MOMENT = 2000;

export class RemoteDesk {
  readonly #options: RemoteOptions;
  readonly #record: JobRecord;
  readonly #claims: Claims;
  readonly #allowances = new Map<string, Allowance>();

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#record = new JobRecord(options.service, options.journal);
    this.#claims = new Claims(options.journal);
  }

  /** The oldest job that waits for this worker, which is its own from then on; null where none comes in time. */
  async take(caller: Caller, waitSeconds: number, gone?: AbortSignal): Promise<Taken | null> {
    const { service, offered } = this.#options;
    for (const until = performance.now() + waitSeconds * 1000; ; ) {
      // A worker that has gone would take a job that nobody then does.
      if (gone?.aborted) return null;
      const news = signal([offered, (listener) => service.onNews(listener)]);
      try {
        const taken = (await this.#isThere(caller)) ? await this.#takeNow(caller) : null;
        const left = until - performance.now();
        if (taken || left <= 0) return taken;
        await news.within(Math.min(PERIOD, left));
      } finally {
        news.quiet();
      }
    }
  }

  /** What a worker says of its job; answers how the job stands, so that the worker learns when it is not wanted any more. */
  async say(
    caller: Caller,
    jobId: string,
    sayings: readonly Saying[],
  ): Promise<{ state: JobState; code: string | null }> {
    const { service, journal, agents } = this.#options;
    const before = await service.ask<JobState>({
      name: 'job',
      caller,
      writes: false,
      decide: (context) => ({ answer: mine(context, jobId, agents).state }),
    });
    if (await this.#claims.isForeign(jobId, caller.artifact)) throw jobNotFound();
    await journal.beat(jobId);
    // The first worker that reports on an untaken job has taken it.
    if (before === 'pending' && sayings.length > 0 && (await this.#record.running(jobId)))
      await this.#claims.took(jobId, caller.artifact);
    await this.#hear(jobId, sayings);
    const now = await this.#record.look((context) => {
      const job = context.state.jobs.get(jobId);
      if (!job) throw jobNotFound();
      const { state, code } = hasEnded(job) ? job : (overOf(job, context) ?? job);
      return { state, code };
    });
    if (now.state !== 'running') {
      this.#allowances.delete(jobId);
      this.#claims.forget(jobId);
    }
    return now;
  }

  /** In the order in which it was said; what comes after an end is not heard. */
  async #hear(jobId: string, sayings: readonly Saying[]): Promise<void> {
    const end = sayings.find((each) => each.type === 'result' || each.type === 'error');
    const before = end ? sayings.slice(0, sayings.indexOf(end)) : sayings;
    const allowance = this.#allowances.get(jobId) ?? new Allowance();
    this.#allowances.set(jobId, allowance);
    const said = before.filter((each) => each.type === 'progress' || each.type === 'log');
    await this.#record.said(
      jobId,
      said.filter(() => allowance.take()),
    );
    if (!end) return;
    if (end.type === 'result') await this.#record.ended(jobId, { state: 'success', code: null, said: end.result });
    else await this.#record.ended(jobId, { state: 'error', code: end.code, said: { message: end.message } });
  }

  /** Asked without the right to write: many may wait, and seldom is there something. */
  #isThere(caller: Caller): Promise<boolean> {
    return this.#options.service.ask<boolean>({
      name: 'job',
      caller,
      writes: false,
      decide: (context) => ({ answer: this.#waiting(context) !== undefined }),
    });
  }

  /** The oldest that waits for this worker. */
  #waiting(context: Context): Job | undefined {
    const { agents } = this.#options;
    const waits = (job: Job): boolean =>
      job.state === 'pending' && agents.has(job.agent) && !overOf(job, context) && isFor(context, job);
    for (const job of context.state.jobs.values()) if (waits(job)) return job;
    return undefined;
  }

  async #takeNow(caller: Caller): Promise<Taken | null> {
    const { service, enrolment } = this.#options;
    const found = await service.ask<{ job: Job; expires: number } | null>({
      name: 'job',
      caller,
      writes: true,
      decide: (context) => {
        const job = this.#waiting(context);
        if (!job) return { answer: null };
        const { expires } = find(context.state, job.artifact);
        return { event: JobRecord.runs(job), tell: () => ({ job, expires }) };
      },
    });
    if (!found) return null;
    const { id, agent, artifact, traceparent } = found.job;
    await this.#options.journal.beat(id);
    await this.#claims.took(id, caller.artifact);
    const input = await this.#inputOf(id, artifact);
    if (input === undefined) {
      const said = { message: 'The input of the job was lost.' };
      await this.#record.ended(id, { state: 'error', code: 'INTERNAL', said });
      return null;
    }
    const enrollment_token = enrolment(artifact);
    const expires_at = formatInstant(found.expires);
    return { job_id: id, agent, input, artifact_hash: artifact, enrollment_token, expires_at, traceparent };
  }

  /** Stored a moment after the job was accepted; undefined if the accepting process died in between. */
  async #inputOf(jobId: string, artifact: string): Promise<Json | undefined> {
    const { service, journal } = this.#options;
    const query = { after: -1, limit: 100, kind: 'JOB_ACCEPTED', names: artifact };
    const { rows } = await service.reader.read(query);
    const entries = rows.map(({ entry }) => JSON.parse(entry) as Entry); // our own bytes
    const digest = String(entries.find(({ event }) => event.job_id === jobId)?.event.input_digest);
    for (const until = performance.now() + MOMENT; ; await sleep(PERIOD)) {
      const input = (await journal.of(jobId)).get(digest);
      if (input !== undefined || performance.now() > until) return input;
    }
  }
}

/** Throws `JOB_NOT_FOUND` for a job that is none of the caller's, or of an agent that does not work elsewhere. */
function mine(context: Context, jobId: string, agents: ReadonlySet<string>): Job {
  const job = context.state.jobs.get(jobId);
  if (!job || !agents.has(job.agent) || !isFor(context, job)) throw jobNotFound();
  return job;
}

function isFor({ state, caller }: Context, { agent, within }: Job): boolean {
  if (caller.artifact === null) return true;
  const worker = find(state, caller.artifact);
  const isNamed = worker.subject === agent || worker.subject === agent.split('@')[0];
  return isNamed && within.includes(worker.parent?.hash ?? '');
}
