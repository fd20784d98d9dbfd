import * as z from 'zod';
import { sha256Hex } from '#digest';
import { agentId } from '../artifact/enrolment.ts';
import { mayDelegate } from '../artifact/lineage.ts';
import type { Event } from '../authority/event/index.ts';
import { refuseHalted } from '../authority/find.ts';
import { type Grant, lineage } from '../authority/grant.ts';
import { hasEnded, type Job } from '../authority/job.ts';
import { uphold } from '../authority/kind.ts';
import { canonicalize, type Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type Agents, resolveAgent } from './available.ts';
import { derive, eitherName } from './derive.ts';
import { jobOutput } from './job.ts';
import { parentOfFirst, recalled, requestDigest } from './request.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type Context, tool } from './tool.ts';

const NAME = 'aga_dispatch_job';
const DEFAULT_TTL = 1800;

export const dispatchJob = tool({
  name: NAME,
  title: 'Dispatch a job',
  description:
    'Gives a registered agent work, under an artifact derived as aga_delegate_to_subagent does it, by the same parameters. Use it when this ' +
    'server runs the agent, that sibling when you do. agent.delegate must cover name@version. ' +
    'It answers at once or within wait_seconds; poll it by aga_get_job, end it by aga_cancel_job. The artifact ends as the job does. It writes two entries.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  input: z.strictObject({
    agent: z.string().min(1).max(128).describe('name[@version]'),
    input: z.unknown().describe('Any JSON, read on stdin'),
    parent_artifact_hash: piece.artifactHash.optional().describe('Same'),
    ...piece.sameGrant,
    delegation_reason: piece.sameGrant.delegation_reason.describe('Why. Omit for "Job"'),
    purpose: piece.text(1024).optional().describe('Its older name'),
    wait_seconds: piece.wait.optional().describe('Wait for the result. Omit for 0'),
    request_id: piece.requestId.optional().describe('A repeat finds the same job'),
  }),
  output: jobOutput,
  decide(given, context) {
    const { wait_seconds: _, ...asked } = given;
    const reason = eitherName(given, 'delegation_reason', 'purpose');
    const { state, policy } = context;
    const parent = parentOfFirst(NAME, context, asked, 1) ?? subjectOf(context, asked.parent_artifact_hash);
    refuseHalted(parent, context.now);
    const agents: Agents = policy.jobs?.agents ?? new Map();
    const agent = resolveAgent(agents, asked.agent);
    const barred = mayDelegate(parent, agent);
    if (barred) uphold([barred]);
    const input = inputOf(asked);

    const request = requestDigest(NAME, context, { ...asked, agent, parent_artifact_hash: parent.hash });
    const recall = recalled(context, request);
    if (recall !== undefined) return { recall, tell };

    const wanted = { ...asked, subject: agent, purpose: reason ?? 'Job', ttl: asked.ttl_seconds ?? DEFAULT_TTL };
    const { sealed, scope_reduction } = derive(parent, wanted, context);
    const job_id = agentId(sealed.hash);
    const outer = jobOf(parent, context);
    return {
      before: [{ kind: 'DELEGATION', sealed, scope_reduction, enroll: true, request: null }],
      event: {
        kind: 'JOB_ACCEPTED',
        job_id,
        agent,
        artifact_hash: parent.hash,
        child_artifact_hash: sealed.hash,
        input_digest: sha256Hex(input),
        supervisor: policy.jobs?.supervisor ?? '',
        traceparent: context.trace ?? (outer && state.jobs.get(outer.id)?.traceparent) ?? null,
        ...(agents.get(agent)?.endsWithBudget && { budget_exhausted: 'end' as const }),
        request,
      },
      after: outer ? [delegateEvent(outer, agent, job_id)] : [],
      tell,
    };
  },
});

/** What the job is given, in the bytes that are digested. */
function inputOf(asked: { readonly input?: unknown }): string {
  if (asked.input === undefined) throw new Refusal('INVALID_REQUEST', 'input is missing; give null for none.');
  return canonicalize(asked.input as Json); // from JSON
}

/** The job that an artifact belongs to: its own, or that of the nearest ancestor that has one; undefined outside of jobs. */
function jobOf(grant: Grant, { state }: Context): Job | undefined {
  const open = (each: Grant): Job | undefined => {
    const job = state.jobs.get(agentId(each.hash));
    return job && !hasEnded(job) ? job : undefined;
  };
  return lineage(grant).reduce<Job | undefined>((found, each) => open(each) ?? found, undefined);
}

const delegateEvent = ({ id, artifact, events }: Job, agent: string, job_id: string): Event => ({
  kind: 'JOB_EVENT',
  job_id: id,
  child_artifact_hash: artifact,
  event_number: events + 1,
  event_kind: 'delegate',
  digest: '',
  delegated: { agent, job_id },
});

/** How it began; its supervisor adds what became of it. */
function tell(event: Event): z.infer<typeof jobOutput> {
  if (event.kind !== 'JOB_ACCEPTED') throw new TypeError('a job is told from its own entry');
  const { job_id, agent, child_artifact_hash } = event;
  return { job_id, agent, state: 'pending', child_artifact_hash, events: [], last_event: 1 };
}
