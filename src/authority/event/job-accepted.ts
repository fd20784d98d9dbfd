/** Work is given to an agent, together with the artifact that it is done under: the first event of a job. */
import * as z from 'zod';
import { agentId } from '../../artifact/enrolment.ts';
import { Refusal } from '../../base/refusal.ts';
import { asWritten, hash, request } from '../decode.ts';
import { find, refuseHalted } from '../find.ts';
import { lineage } from '../grant.ts';
import type { Kind } from '../kind.ts';

export const jobId = z.string().regex(/^[0-9a-f]{32}$/);
/** https://www.w3.org/TR/trace-context/#traceparent-header */
export const traceparent = z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

const schema = z.strictObject({
  kind: z.literal('JOB_ACCEPTED'),
  job_id: jobId,
  /** The resolved `name@version`; the child's subject. */
  agent: z.string().min(1).max(128),
  /** The parent's. */
  artifact_hash: hash,
  child_artifact_hash: hash,
  /** Hex SHA-256 of the RFC 8785 form of the input. */
  input_digest: hash,
  /** The process that supervises it; for the record, and for the process that finds it dead. */
  supervisor: z.string().max(64),
  traceparent: traceparent.nullable(),
  /** Whether a spend that its ceiling, or one above it, has no room for ends the job; absent where it does not. */
  budget_exhausted: z.literal('end').exactOptional(),
  request,
});
export type JobAccepted = z.infer<typeof schema>;

export const jobAccepted: Kind<JobAccepted> = {
  ...asWritten(schema),
  names: ({ artifact_hash, child_artifact_hash }) => [artifact_hash, child_artifact_hash],
  check(state, { job_id, agent, artifact_hash, child_artifact_hash }, { time }) {
    const child = find(state, child_artifact_hash);
    refuseHalted(child, time);
    if (child.parent?.hash !== artifact_hash || child.subject !== agent || job_id !== agentId(child_artifact_hash)) {
      throw new Refusal('INVALID_REQUEST', 'The artifact was not issued to this agent, or from this parent.');
    }
    if (state.jobs.has(job_id)) throw new Refusal('INVALID_REQUEST', 'The job is on the chain already.');
  },
  evolve(state, event, { sequence, time }) {
    const { job_id, agent, child_artifact_hash, supervisor, traceparent, budget_exhausted, request } = event;
    const child = state.grants.get(child_artifact_hash);
    if (child) {
      state.jobs.set(job_id, {
        id: job_id,
        agent,
        artifact: child_artifact_hash,
        within: lineage(child).map(({ hash }) => hash),
        supervisor,
        traceparent,
        ...(budget_exhausted && { endsWithBudget: true }),
        acceptedAt: time,
        events: 1,
        state: 'pending',
        code: null,
        said: '',
        endedAt: null,
      });
    }
    if (request) state.remember(request.key, request.input, sequence);
  },
};
