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
import { resolveAgent } from './available.ts';
import { derive } from './derive.ts';
import { jobOutput } from './job.ts';
import { recalled, requestDigest } from './request.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type Context, tool } from './tool.ts';

const NAME = 'aga_dispatch_job';
const DEFAULT_TTL = 1800;

export const dispatchJob = tool({
  name: NAME,
  title: 'Dispatch a job to an agent',
  description:
    'Starts a registered agent with an input and an artifact of its own, derived like one of aga_delegate_to_subagent, and returns a job. Use it when this ' +
    'server runs the agent, that sibling when you do. agent.delegate must cover name@version. ' +
    'It answers at once, or within wait_seconds: poll aga_get_job, end it with aga_cancel_job. The artifact ends with the job. Writes two entries.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  input: z.strictObject({
    agent: z.string().min(1).max(128).describe('name or name@version'),
    input: z.unknown().describe('Any JSON; the agent reads it on stdin'),
    parent_artifact_hash: piece.artifactHash.optional().describe("Omit for this session's"),
    permissions: piece.permissions.optional().describe('As delegated'),
    permitted_tools: piece.patterns.optional().describe('As delegated'),
    argument_rules: piece.argumentRules.optional().describe('As delegated'),
    limits: piece.limits.optional().describe('As delegated'),
    policy_preset: piece.preset.optional().describe('As delegated'),
    budget_mode: piece.budgetMode.optional().describe('As delegated'),
    ttl_seconds: piece.ttl.optional().describe('Seconds to live. Omit for 1800'),
    max_depth: piece.maxDepth.optional().describe('As delegated'),
    max_children: piece.maxChildren.optional().describe('As delegated'),
    purpose: piece.text(1024).optional().describe('Why, for the audit chain. Omit for "Job"'),
    wait_seconds: piece.wait.optional().describe('Wait so long for the result. Omit for 0'),
    request_id: piece.requestId.optional().describe('A repeat finds the same job'),
  }),
  output: jobOutput,
  decide(given, context) {
    const { wait_seconds: _, ...asked } = given;
    const { state, policy } = context;
    const parent = subjectOf(context, asked.parent_artifact_hash);
    refuseHalted(parent, context.now);
    const agent = resolveAgent(policy.jobs?.agents ?? new Map(), asked.agent);
    const barred = mayDelegate(parent, agent);
    if (barred) uphold([barred]);
    const input = inputOf(asked);

    const request = requestDigest(NAME, context, { ...asked, agent, parent_artifact_hash: parent.hash });
    const recall = recalled(context, request);
    if (recall !== undefined) return { recall, tell };

    const wanted = { ...asked, subject: agent, purpose: asked.purpose ?? 'Job', ttl: asked.ttl_seconds ?? DEFAULT_TTL };
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

/** How it began; whoever looks after it adds what has become of it. */
function tell(event: Event): z.infer<typeof jobOutput> {
  if (event.kind !== 'JOB_ACCEPTED') throw new TypeError('a job is told from its own entry');
  const { job_id, agent, child_artifact_hash } = event;
  return { job_id, agent, state: 'pending', child_artifact_hash, events: [], last_event: 1 };
}
