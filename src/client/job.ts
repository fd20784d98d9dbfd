/** A job that was given to an agent: its events, its result, and its end. */
import type { Json } from '../base/canonical.ts';
import { DelegateError } from './error.ts';
import type { CallOptions } from './wire.ts';

export type JobState = 'pending' | 'running' | 'success' | 'error' | 'cancelled' | 'timed_out';

export interface JobEvent {
  /** From 1, without gaps. */
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
  /** Of `delegate`: to whom the agent gave work itself, and as which job. */
  readonly agent?: string;
  readonly job_id?: string;
}

export interface JobStatus {
  readonly job_id: string;
  readonly agent: string;
  readonly state: JobState;
  readonly child_artifact_hash: string;
  readonly result?: Json;
  readonly error?: { readonly code: string; readonly message: string };
  readonly events: readonly JobEvent[];
  readonly last_event: number;
}

/** Asks a tool of the authority. Throws `DelegateError`. */
type Ask = (tool: string, input: object, options: CallOptions) => Promise<unknown>;

/** Seconds that one question waits for something to happen; the next follows at once. */
const PATIENCE = 20;

export class Job {
  readonly id: string;
  /** The resolved `name@version`. */
  readonly agent: string;
  /** Hash of what it acts under. */
  readonly artifact: string;
  readonly #ask: Ask;
  #over: JobStatus | undefined;

  constructor(accepted: JobStatus, ask: Ask) {
    this.id = accepted.job_id;
    this.agent = accepted.agent;
    this.artifact = accepted.child_artifact_hash;
    this.#ask = ask;
  }

  /**
   * Resolves with the result; rejects with a `DelegateError` of the job's own code where it ends otherwise. Where the
   * authority could not be asked, it is a `retryable` one, and may be called again.
   */
  async result(options: CallOptions = {}): Promise<Json> {
    while (!this.#over) await this.#look(Number.MAX_SAFE_INTEGER, PATIENCE, options);
    const { state, result = null, error } = this.#over;
    if (state === 'success' && !error) return result;
    const { code, message } = error ?? { code: 'INTERNAL', message: 'The job ended without a reason.' };
    throw new DelegateError(
      { code, message, hint: 'Look at the events of the job.', retryable: code === 'TIMEOUT' },
      0,
    );
  }

  /** Every event after the one with this number, as it happens, to the last. */
  async *events(after = 0, options: CallOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    for (let last = after; ; ) {
      const { events, last_event, state } = await this.#look(last, PATIENCE, options);
      for (const event of events) {
        last = event.event_number;
        yield event;
      }
      if (isOver(state) && last >= last_event) return;
    }
  }

  /** How it stands now, with the events after the one with this number. */
  status(after = 0, options: CallOptions = {}): Promise<JobStatus> {
    return this.#look(after, 0, options);
  }

  /** Ends the job and everything below it. One that has ended stays as it ended. */
  async cancel(options: CallOptions = {}): Promise<JobStatus> {
    return this.#remember((await this.#ask('aga_cancel_job', { job_id: this.id }, options)) as JobStatus);
  }

  async #look(after_event: number, wait_seconds: number, options: CallOptions): Promise<JobStatus> {
    const input = { job_id: this.id, after_event, wait_seconds };
    return this.#remember((await this.#ask('aga_get_job', input, options)) as JobStatus);
  }

  #remember(status: JobStatus): JobStatus {
    if (isOver(status.state)) this.#over ??= status;
    return status;
  }
}

const isOver = (state: JobState): boolean => state !== 'pending' && state !== 'running';
