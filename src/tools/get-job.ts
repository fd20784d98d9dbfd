import * as z from 'zod';
import { jobOutput, showJob, visibleJob } from './job.ts';
import * as piece from './schema.ts';
import { tool } from './tool.ts';

export const getJob = tool({
  name: 'aga_get_job',
  title: 'Look at a job',
  description:
    'Shows how a dispatched job stands: its state, its result or error once it has ended, and its events, numbered without gaps. Use it to poll a job ' +
    'of aga_dispatch_job: wait_seconds waits for something to happen, after_event skips what you have seen. ' +
    'aga_cancel_job ends a job. A bound session sees the jobs of its subtree, others are JOB_NOT_FOUND. Writes nothing.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    job_id: piece.jobId.describe('Job'),
    after_event: z.int().min(0).optional().describe('Only later events. Omit for all'),
    wait_seconds: piece.wait.optional().describe('Wait for a later event or the end. Omit for 0'),
  }),
  output: jobOutput,
  decide({ job_id, after_event }, context) {
    return { later: showJob(visibleJob(context, job_id), context, after_event ?? 0) };
  },
});
