import * as z from 'zod';
import { hasEnded } from '../authority/job.ts';
import { jobOutput, showJob, visibleJob } from './job.ts';
import * as piece from './schema.ts';
import { tool } from './tool.ts';

export const cancelJob = tool({
  name: 'aga_cancel_job',
  title: 'Cancel a job',
  description:
    'Ends a job that is still pending or running: its state becomes cancelled with code CANCELLED, its artifact and all that was delegated from it end at once, ' +
    'the jobs below it end too, and its processes are asked to stop, then killed after the grace period. Use it when a result is no longer wanted; ' +
    'aga_revoke_artifact ends authority that belongs to no job. What is left of its budget returns to its parent. A job that has ended stays as it ended, and the answer says how. Cannot be undone: dispatch anew.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    job_id: piece.jobId.describe('Job'),
    after_event: z.int().min(0).optional().describe('Show only later events. Omit for 0: all'),
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
