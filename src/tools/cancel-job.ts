import * as z from 'zod';
import { hasEnded } from '../authority/job.ts';
import { jobOutput, showJob, visibleJob } from './job.ts';
import * as piece from './schema.ts';
import { tool } from './tool.ts';

export const cancelJob = tool({
  name: 'aga_cancel_job',
  title: 'Cancel a job',
  description:
    'Ends a job that is pending or running: its state becomes cancelled, its artifact, the jobs below it and all that was delegated end at once, ' +
    'and its processes are stopped. Use it when a result is no longer wanted; ' +
    'aga_revoke_artifact ends authority without a job. Its budget returns. A job that has ended stays as it ended. Writes one entry.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    job_id: piece.jobId.describe('Job'),
    after_event: z.int().min(0).optional().describe('Only later events. Omit for all'),
  }),
  output: jobOutput,
  decide({ job_id, after_event }, context) {
    const job = visibleJob(context, job_id);
    const show = showJob(job, context, after_event ?? 0);
    if (hasEnded(job)) return { later: show };
    const { agent, artifact: child_artifact_hash } = job;
    const event_number = job.events + 1;
    return {
      event: {
        kind: 'JOB_ENDED',
        job_id,
        child_artifact_hash,
        event_number,
        state: 'cancelled',
        code: 'CANCELLED',
        digest: '',
      },
      // The events are read once they are written.
      tell: () => ({
        job_id,
        agent,
        state: 'cancelled' as const,
        child_artifact_hash,
        error: { code: 'CANCELLED', message: 'The job was cancelled.' },
        events: [],
        last_event: event_number,
      }),
    };
  },
});
