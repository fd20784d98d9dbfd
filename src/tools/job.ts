/** What is shown of a job: its state, and its events as the chain numbers them. */
import * as z from 'zod';
import { sha256Hex } from '#digest';
import { jobNotFound } from '../authority/event/job-event.ts';
import { halted } from '../authority/grant.ts';
import { END_STATES, type EndState, hasEnded, JOB_STATES, type Job, type JobState } from '../authority/job.ts';
import { canonicalize, type Json } from '../base/canonical.ts';
import { formatInstant } from '../base/instant.ts';
import { type Code, REFUSALS } from '../base/refusal.ts';
import type { Entry } from '../chain/entry.ts';
import type { Context, Reader } from './tool.ts';

/** Events shown at once; a caller goes on after the last of them. */
const MOST_EVENTS = 500;

const state = z.enum(JOB_STATES);

/** One event; the schema says the same in fewer words. */
export interface JobEventShown {
  readonly event_number: number;
  readonly kind: 'status' | 'progress' | 'log' | 'delegate';
  /** UTC */
  readonly timestamp: string;
  /** Of `status`. */
  readonly state?: JobState;
  /** Of `progress`. */
  readonly progress?: number;
  readonly total?: number;
  /** Of `progress` and `log`. */
  readonly message?: string;
  /** Of `delegate`: to whom, and the job that it became. */
  readonly agent?: string;
  readonly job_id?: string;
}

export const jobOutput = z.strictObject({
  job_id: z.string().describe('Job'),
  agent: z.string().describe('name@version'),
  state: state.describe('pending and running go on; all others are final'),
  child_artifact_hash: z.string().describe('What it acts under'),
  result: z.unknown().optional().describe('On success'),
  error: z
    .strictObject({ code: z.string().describe('Refusal code, or its own'), message: z.string().describe('Why') })
    .optional()
    .describe('When it ended otherwise'),
  events: z
    .array(z.record(z.string(), z.unknown()))
    .describe('Oldest first, at most 500: event_number from 1, kind, timestamp, and what that kind says'),
  last_event: z.int().describe('Number of the latest event'),
});
export type JobShown = Omit<z.infer<typeof jobOutput>, 'events'> & { readonly events: JobEventShown[] };

/** The output of a tool of jobs, with its events as they are written. */
export const asJobShown = (output: object): JobShown => output as unknown as JobShown; // made by `showJob`
const ENDED: ReadonlySet<string> = new Set(END_STATES);
export const isOver = ({ state }: JobShown): boolean => ENDED.has(state);

/** A job that the caller may see. Throws `JOB_NOT_FOUND`. */
export function visibleJob({ state, caller }: Context, id: string): Job {
  const job = state.jobs.get(id);
  if (!job || (caller.artifact !== null && !job.within.includes(caller.artifact))) throw jobNotFound();
  return job;
}

/** How a job ends when its authority has ended, and the message for its dispatcher. */
const ENDINGS: { readonly [code: string]: { readonly state: EndState; readonly message: string } } = {
  ARTIFACT_REVOKED: { state: 'cancelled', message: 'The artifact of the job, or one above it, was revoked.' },
  LEASE_EXPIRED: { state: 'error', message: 'The artifact of the job, or one above it, has expired.' },
};

/** How a job has ended by the end of its authority, also before anybody has written it down; undefined while that lives. */
export function overOf(job: Job, { state, now }: Context): { state: EndState; code: string } | undefined {
  const grant = state.grants.get(job.artifact);
  const code = grant ? halted(grant, now)?.code : 'LEASE_EXPIRED';
  const end = code && ENDINGS[code];
  return end && code ? { state: end.state, code } : undefined;
}

/** Digest of `null`, which nobody needs to keep. */
const NOTHING = sha256Hex(canonicalize(null));
/** It succeeded, and what it gave was lost: better said than shown as nothing. */
const LOST = { code: 'NOT_FOUND', message: 'The result is not where the words of jobs are kept any more.' } as const;

/** Events after the one with this number, and what is known of the job now. */
export function showJob(
  job: Job,
  context: Context,
  after: number,
): (reader: Reader) => Promise<z.infer<typeof jobOutput>> {
  // The job goes on while the entries are read: what is answered is what was true when it was asked.
  const { id: job_id, agent, artifact, events: last_event, said: digest, acceptedAt, endedAt } = job;
  const { state, code } = hasEnded(job) ? job : (overOf(job, context) ?? job);
  const first = { event_number: 1, kind: 'status', timestamp: formatInstant(acceptedAt), state: 'pending' } as const;
  const last = endedAt !== null && {
    event_number: last_event,
    kind: 'status' as const,
    timestamp: formatInstant(endedAt),
    state,
  };
  const between = last ? last_event - 2 : last_event - 1;
  return async (reader) => {
    const said = await reader.said(job_id);
    const entries = after < last_event && between > 0 ? await entriesOf(reader, artifact, last_event) : [];
    const shown: JobEventShown[] = [first, ...entries.map((entry) => eventOf(entry, said)), ...(last ? [last] : [])];
    const spoken = digest === NOTHING ? null : said.get(digest);
    const isLost = state === 'success' && spoken === undefined;
    return {
      job_id,
      agent,
      state,
      child_artifact_hash: artifact,
      ...(state === 'success' && !isLost && { result: spoken }),
      ...(isLost && { error: LOST }),
      ...(code !== null && { error: { code, message: messageOf(spoken, code) } }),
      events: shown
        .filter(({ event_number: at }) => at > after)
        .slice(0, MOST_EVENTS)
        .map((each) => ({ ...each })),
      last_event,
    };
  };
}

/** All events but the first and the last, of which the state knows. */
async function entriesOf(reader: Reader, names: string, last: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after = -1; ; ) {
    const { rows } = await reader.read({ after, limit: 1000, kind: 'JOB_EVENT', names });
    for (const row of rows) entries.push(JSON.parse(row.entry)); // our own bytes
    after = rows.at(-1)?.sequence_number ?? after;
    if (rows.length < 1000) return entries.filter(({ event }) => Number(event.event_number) <= last);
  }
}

type Members = { readonly [member: string]: Json };
const members = (value: Json | undefined): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};

function eventOf({ event, timestamp }: Entry, said: ReadonlyMap<string, Json>): JobEventShown {
  const event_number = Number(event.event_number);
  // Written by the law, which knows these values only.
  const kind = event.event_kind as JobEventShown['kind'];
  const { progress, total, message } = members(said.get(String(event.digest)));
  const { agent, job_id } = members(event.delegated);
  return {
    event_number,
    kind,
    timestamp,
    ...(kind === 'status' && { state: 'running' as const }),
    ...(typeof progress === 'number' && { progress }),
    ...(typeof total === 'number' && { total }),
    ...(typeof message === 'string' && { message }),
    ...(typeof agent === 'string' && { agent }),
    ...(typeof job_id === 'string' && { job_id }),
  };
}

function messageOf(spoken: Json | undefined, code: string): string {
  const { message } = members(spoken);
  if (typeof message === 'string') return message;
  const ended = ENDINGS[code];
  if (ended) return ended.message;
  return code in REFUSALS ? REFUSALS[code as Code].hint : 'The agent gave no reason.';
}
