/** A job is over, and its artifact with it. */
import * as z from 'zod';
import { label } from '../../artifact/label.ts';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { ended } from '../grant.ts';
import { END_STATES } from '../job.ts';
import type { Kind } from '../kind.ts';
import { jobId } from './job-accepted.ts';
import { openJob } from './job-event.ts';

const schema = z.strictObject({
  kind: z.literal('JOB_ENDED'),
  job_id: jobId,
  child_artifact_hash: hash,
  event_number: z.int().min(2),
  state: z.enum(END_STATES),
  /** A refusal code, or the agent's own; null on success. */
  code: label(64).nullable(),
  /** Hex SHA-256 of the RFC 8785 form of its result, or of what it said went wrong; "" where there is neither. */
  digest: z.string().regex(/^(?:[0-9a-f]{64})?$/),
});
export type JobEnded = z.infer<typeof schema>;

export const jobEnded: Kind<JobEnded> = {
  ...asWritten(schema),
  names: ({ child_artifact_hash }) => [child_artifact_hash],
  check(state, event, { time }) {
    const job = openJob(state, event);
    if ((event.state === 'success') !== (event.code === null)) {
      throw new Refusal('INVALID_REQUEST', 'Success has no code, and everything else has one.');
    }
    const grant = state.grants.get(job.artifact);
    if (event.state === 'success' && (!grant || ended(grant, time))) {
      throw new Refusal('INVALID_REQUEST', 'What is done after the end of its authority is no success.');
    }
  },
  evolve(state, { job_id, event_number, state: end, code, digest }, { sequence, time }) {
    const job = state.jobs.get(job_id);
    if (!job) return;
    job.events = event_number;
    // When the entry says it was, not when it is followed: a question may have brought time forward before.
    state.endJob(job, { state: end, code, said: digest, endedAt: time });
    const grant = state.grants.get(job.artifact);
    if (grant && !ended(grant, time)) state.revoke(grant, sequence);
  },
};
