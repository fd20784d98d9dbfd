/** A job as the law knows it: work that was given to an agent together with an artifact of its own. */

export const JOB_STATES = ['pending', 'running', 'success', 'error', 'cancelled', 'timed_out'] as const;
export type JobState = (typeof JOB_STATES)[number];
/** The states in which nothing happens any more. */
export const END_STATES = ['success', 'error', 'cancelled', 'timed_out'] as const;
export type EndState = (typeof END_STATES)[number];

export interface Job {
  /** The public id of the agent that its artifact was issued to. */
  readonly id: string;
  /** The resolved `name@version`. */
  readonly agent: string;
  /** Hash of the artifact that its work is done under. */
  readonly artifact: string;
  /** That hash and those of all ancestors: their holders may see the job. */
  readonly within: readonly string[];
  /** The process that looks after it. */
  readonly supervisor: string;
  /** W3C Trace Context; null where the caller gave none. */
  readonly traceparent: string | null;
  /** The first spend of its subtree that its ceiling, or one above it, has no room for ends it. */
  readonly endsWithBudget?: true;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Events so far; they are numbered from 1, and its acceptance is the first. */
  events: number;
  state: JobState;
  /** Why it ended, unless it succeeded. */
  code: string | null;
  /** Digest of its result, or of what it said went wrong; "" where there is neither. */
  said: string;
  /** Milliseconds since the epoch; null while it has not ended. */
  endedAt: number | null;
}

export const hasEnded = ({ endedAt }: Job): boolean => endedAt !== null;
