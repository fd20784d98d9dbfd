/** An agent at work: what every way of running one has in common. */
import type { Json } from '../base/canonical.ts';
import type { Saying } from './saying.ts';

export interface Task {
  readonly jobId: string;
  readonly input: Json;
  /** What an agent's process finds in its environment to act under the job's artifact, and to be found again. */
  readonly environment: { readonly [name: string]: string };
}

export interface Hearing {
  /** It works. */
  began(): void;
  say(saying: Saying): void;
  /** It works no more; `why` says in words how it ended. */
  gone(why: string): void;
}

export interface Working {
  /** Asks it to end. */
  stop(): void;
  /** Ends it, with everything that it has started; resolves when that is done. */
  kill(): Promise<void>;
}

/** Starts an agent; what it cannot start it reports as gone. */
export type Start = (task: Task, hearing: Hearing) => Working;

export interface Agent {
  readonly start: Start;
  /** It works elsewhere, and takes nothing of what this process can do at once. */
  readonly isRemote?: true;
  readonly maxRuntimeSeconds?: number | undefined;
  /** For a worker elsewhere: how many seconds it may stay silent while it has a job. */
  readonly silenceSeconds?: number;
}
