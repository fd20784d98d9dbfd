/** Something happened in a job: it started, it said something, it gave work to another. What it said is a digest only. */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { ended } from '../grant.ts';
import { hasEnded, type Job } from '../job.ts';
import type { Kind } from '../kind.ts';
import type { State } from '../state.ts';
import { jobId } from './job-accepted.ts';

const schema = z.strictObject({
  kind: z.literal('JOB_EVENT'),
  job_id: jobId,
  child_artifact_hash: hash,
  /** From 2, without gaps: acceptance is the first event, the end the last. */
  event_number: z.int().min(2),
  event_kind: z.enum(['status', 'progress', 'log', 'delegate']),
  /** Hex SHA-256 of the RFC 8785 form of what was said; "" where nothing was. */
  digest: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  /** Of a `delegate` event: the agent that was given work, and the job that it became; else null. */
  delegated: z.strictObject({ agent: z.string().max(128), job_id: jobId }).nullable(),
});
export type JobEvent = z.infer<typeof schema>;

/** The same words for a job that is foreign and one that never was. */
export const jobNotFound = (): Refusal => new Refusal('JOB_NOT_FOUND', 'No such job is known to this session.');

interface Numbered {
  readonly job_id: string;
  readonly child_artifact_hash: string;
  readonly event_number: number;
}

/** The job of an event that is its next. Throws where there is none, where it is over, or where a number is missing. */
export function openJob(state: State, { job_id, child_artifact_hash, event_number }: Numbered): Job {
  const job = state.jobs.get(job_id);
  if (!job || job.artifact !== child_artifact_hash) throw jobNotFound();
  if (hasEnded(job)) throw new Refusal('INVALID_REQUEST', 'The job has ended.');
  if (event_number !== job.events + 1) {
    throw new Refusal('INVALID_REQUEST', `Event ${job.events + 1} of the job is missing.`);
  }
  return job;
}

export const jobEvent: Kind<JobEvent> = {
  ...asWritten(schema),
  names: ({ child_artifact_hash }) => [child_artifact_hash],
  check(state, event, { time }) {
    const job = openJob(state, event);
    if ((event.event_kind === 'delegate') !== (event.delegated !== null)) {
      throw new Refusal('INVALID_REQUEST', 'A delegate event names whom work was given to, and no other does.');
    }
    if (event.event_kind !== 'status') return;
    const grant = state.grants.get(job.artifact);
    if (job.state !== 'pending' || !grant || ended(grant, time)) {
      throw new Refusal('INVALID_REQUEST', 'Only a pending job whose authority lives starts to run.');
    }
  },
  evolve(state, { job_id, event_number, event_kind }) {
    const job = state.jobs.get(job_id);
    if (!job) return;
    job.events = event_number;
    if (event_kind === 'status' && !hasEnded(job)) job.state = 'running';
  },
};
