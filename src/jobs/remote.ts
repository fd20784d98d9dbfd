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
import type { Journal } from './journal.ts';
import { JobRecord } from './record.ts';
import type { Saying } from './saying.ts';

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
}

/** How often a waiting worker's question is asked again, in milliseconds. */
const PERIOD = 200;

export class RemoteDesk {
  readonly #options: RemoteOptions;
  readonly #record: JobRecord;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#record = new JobRecord(options.service);
  }

  /** The oldest job that waits for this worker, which is its own from then on; null where none comes in time. */
  async take(caller: Caller, waitSeconds: number, signal?: AbortSignal): Promise<Taken | null> {
    for (const until = performance.now() + waitSeconds * 1000; ; ) {
      const taken = await this.#takeNow(caller);
      if (taken) return taken;
      if (performance.now() >= until || signal?.aborted) return null;
      await sleep(PERIOD);
    }
  }

  /** What a worker says of its job; answers how the job stands, so that the worker learns when it is not wanted any more. */
  async say(
    caller: Caller,
    jobId: string,
    sayings: readonly Saying[],
  ): Promise<{ state: JobState; code: string | null }> {
    const { service, journal } = this.#options;
    await service.ask<null>({
      name: 'job',
      caller,
      writes: false,
      decide: (context) => ({ answer: mine(context, jobId) && null }),
    });
    for (const saying of sayings) {
      if (saying.type === 'result' || saying.type === 'error') {
        const said = saying.type === 'result' ? saying.result : { message: saying.message };
        journal.keep(jobId, [said]);
        const code = saying.type === 'result' ? null : saying.code;
        await this.#record.ended(jobId, { state: code === null ? 'success' : 'error', code, said });
        await journal.settle(jobId);
      } else {
        journal.keep(jobId, [saying.said]);
        await this.#record.said(jobId, saying);
      }
    }
    return this.#record.look((context) => {
      const job = context.state.jobs.get(jobId);
      if (!job) throw jobNotFound();
      const { state, code } = hasEnded(job) ? job : (overOf(job, context) ?? job);
      return { state, code };
    });
  }

  async #takeNow(caller: Caller): Promise<Taken | null> {
    const { service, agents, enrolment } = this.#options;
    const found = await service.ask<{ job: Job; expires: number } | null>({
      name: 'job',
      caller,
      writes: true,
      decide(context) {
        const { state } = context;
        const waiting = (job: Job): boolean =>
          job.state === 'pending' && agents.has(job.agent) && !overOf(job, context);
        const job = [...state.jobs.values()].find((each) => waiting(each) && isFor(context, each));
        if (!job) return { answer: null };
        const { expires } = find(state, job.artifact);
        return { event: JobRecord.runs(job), tell: () => ({ job, expires }) };
      },
    });
    if (!found) return null;
    const { id, agent, artifact, traceparent } = found.job;
    return {
      job_id: id,
      agent,
      input: await this.#inputOf(id, artifact),
      artifact_hash: artifact,
      enrollment_token: enrolment(artifact),
      expires_at: formatInstant(found.expires),
      traceparent,
    };
  }

  async #inputOf(jobId: string, artifact: string): Promise<Json> {
    const { service, journal } = this.#options;
    const query = { after: -1, limit: 100, kind: 'JOB_ACCEPTED', names: artifact };
    const { rows } = await service.reader.read(query);
    const entries = rows.map(({ entry }) => JSON.parse(entry) as Entry); // our own bytes
    const accepted = entries.find(({ event }) => event.job_id === jobId);
    return (await journal.of(jobId)).get(String(accepted?.event.input_digest)) ?? null;
  }
}

/** Throws `JOB_NOT_FOUND` for a job that is none of the caller's. */
function mine(context: Context, jobId: string): Job {
  const job = context.state.jobs.get(jobId);
  if (!job || !isFor(context, job)) throw jobNotFound();
  return job;
}

function isFor({ state, caller }: Context, { agent, within }: Job): boolean {
  if (caller.artifact === null) return true;
  const worker = find(state, caller.artifact);
  const isNamed = worker.subject === agent || worker.subject === agent.split('@')[0];
  return isNamed && within.includes(worker.parent?.hash ?? '');
}
