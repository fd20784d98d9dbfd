/**
 * A worker elsewhere: takes the jobs that are given to an agent of its name, one after the other, and says how each goes.
 *
 *     await work(agent, async ({ input, progress }) => search(input), { signal });
 */
import type { Json } from '../base/canonical.ts';
import type { Agent } from './agent.ts';
import { DelegateError } from './error.ts';
import type { CallOptions } from './wire.ts';

export interface Work {
  readonly jobId: string;
  /** The resolved `name@version`. */
  readonly agent: string;
  readonly input: Json;
  /** Hash of what the work is done under, and the token with which `connect` makes a session of it. */
  readonly artifact: string;
  readonly enrollmentToken: string;
  /** W3C Trace Context; null where there is none. */
  readonly traceparent: string | null;
  /** Aborted when the work is not wanted any more: its job was cancelled, or its authority has ended. */
  readonly signal: AbortSignal;
  progress(progress: number, total?: number, message?: string): void;
  log(message: string): void;
}

export interface WorkOptions {
  /** Ends the taking; the work that has begun is finished. */
  readonly signal?: AbortSignal;
  /** Seconds between two signs of life; less than a third of the agent's `silence_seconds`. 10 when absent. */
  readonly beatSeconds?: number;
}

interface Taken {
  readonly job_id: string;
  readonly agent: string;
  readonly input: Json;
  readonly artifact_hash: string;
  readonly enrollment_token: string;
  readonly traceparent: string | null;
}

/** Seconds that one question for a job waits. */
const PATIENCE = 30;
/** Milliseconds before what failed on the way is tried again. */
const PAUSE = 1000;
/** Sayings at once, as the route takes them. */
const MOST = 100;

/**
 * What `handler` returns is the result of the job, what it throws its error (its `code` where it has one). Resolves when
 * `signal` is aborted; throws the refusal that says that this agent may take no more.
 */
export async function work(
  agent: Agent,
  handler: (work: Work) => Promise<Json>,
  { signal, beatSeconds = 10 }: WorkOptions = {},
): Promise<void> {
  const post = (path: string, body: object, options?: CallOptions): Promise<unknown> =>
    agent.send('POST', `/api/v1/jobs/${path}`, body, options);
  while (!signal?.aborted) {
    try {
      const asked = await post('take', { wait_seconds: PATIENCE }, { signal });
      const { job } = asked as { job: Taken | null };
      if (job) await doOne(job);
    } catch (error) {
      if (signal?.aborted) return;
      if (!isPassing(error)) throw error;
      await pause(PAUSE);
    }
  }

  async function doOne(job: Taken): Promise<void> {
    const over = new AbortController();
    const waiting: object[] = [];
    let telling: Promise<void> = Promise.resolve();
    /** One after the other, so that what was said first is heard first; an empty word is a sign of life. */
    const tell = (): Promise<void> => {
      telling = telling.then(async () => {
        const say = waiting.slice(0, MOST);
        try {
          const { state } = (await post(`${job.job_id}/say`, { say })) as { state: string };
          waiting.splice(0, say.length);
          if (state !== 'running') over.abort();
          else if (waiting.length > 0) void tell();
        } catch (error) {
          if (!isPassing(error)) over.abort();
        }
      });
      return telling;
    };
    const beat = setInterval(() => void tell(), beatSeconds * 1000);
    const say = (saying: object): void => {
      if (waiting.push(saying) === 1) void tell();
    };
    const end = await handler({
      jobId: job.job_id,
      agent: job.agent,
      input: job.input,
      artifact: job.artifact_hash,
      enrollmentToken: job.enrollment_token,
      traceparent: job.traceparent,
      signal: over.signal,
      progress: (progress, total, message) =>
        say({
          type: 'progress',
          progress,
          ...(total !== undefined && { total }),
          ...(message !== undefined && { message }),
        }),
      log: (message) => say({ type: 'log', message }),
    }).then(
      (result) => ({ type: 'result', result }),
      (error: unknown) => ({ type: 'error', error: errorOf(error) }),
    );
    waiting.push(end);
    // Until it is heard, or not wanted: the beats go on meanwhile.
    while (waiting.length > 0 && !over.signal.aborted) {
      await tell();
      if (waiting.length > 0 && !over.signal.aborted && waiting.length <= MOST) await pause(PAUSE);
    }
    clearInterval(beat);
  }
}

/** Nobody has decided anything: the same may be asked again. */
const isPassing = (error: unknown): boolean => error instanceof DelegateError && error.retryable;

function errorOf(error: unknown): { message: string; code?: string } {
  const { message, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { message: String(error), code: undefined };
  return { message, ...(typeof code === 'string' && { code }) };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
