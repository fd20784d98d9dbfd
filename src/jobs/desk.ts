/** What the tools of jobs do beside the chain: agents are started, and callers wait for them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { END_STATES, hasEnded } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import type { Around, Errand, Output, Service } from '../service/service.ts';
import { cancelJob } from '../tools/cancel-job.ts';
import { dispatchJob } from '../tools/dispatch-job.ts';
import { getJob } from '../tools/get-job.ts';
import { type JobShown, overOf, visibleJob } from '../tools/job.ts';
import type { Supervisor } from './supervisor.ts';

/** Other processes write about a job too: looked for this often, in milliseconds. */
const PERIOD = 150;

const isOver = ({ state }: JobShown): boolean => (END_STATES as readonly string[]).includes(state);
/** The outputs of these tools are what their schema says. */
const shown = (output: Output): JobShown => output as unknown as JobShown;

export function jobDesk(service: Service, supervisor: Supervisor): ReadonlyMap<string, Around> {
  // Not by the tool's name, or looking would wait for itself.
  const look = async (job_id: string, after_event: number, { caller }: Errand): Promise<JobShown> =>
    shown(
      await service.ask<Output>({
        name: getJob.name,
        caller,
        writes: false,
        decide: (context) => getJob.decide({ job_id, after_event }, context),
      }),
    );

  /** Whether it is over, and how many events there are: known without reading any of them. */
  const glance = (job_id: string, { caller }: Errand): Promise<{ over: boolean; events: number }> =>
    service.ask({
      name: getJob.name,
      caller,
      writes: false,
      decide(context) {
        const job = visibleJob(context, job_id);
        return { answer: { over: hasEnded(job) || overOf(job, context) !== undefined, events: job.events } };
      },
    });

  /** The job when it is over, when it has more than `enough` events, or when the time is up. */
  async function waitFor(job_id: string, errand: Errand, enough: number): Promise<JobShown> {
    const { wait_seconds: seconds = 0 } = errand.input as { wait_seconds?: number }; // of the schema
    const until = performance.now() + seconds * 1000;
    for (let told = after(errand); ; ) {
      const changed = signal([
        (listener) => supervisor.onChanged(job_id, listener),
        (listener) => service.onNews(listener),
      ]);
      const { over, events } = await glance(job_id, errand);
      if (errand.progress && events > told) {
        tellProgress(await look(job_id, told, errand), errand.progress);
        told = events;
      }
      const left = until - performance.now();
      if (over || events > enough || left <= 0 || errand.signal?.aborted) {
        changed.quiet();
        return look(job_id, after(errand), errand);
      }
      await changed.within(Math.min(PERIOD, left));
    }
  }

  const dispatch: Around = async (ask, errand) => {
    supervisor.prepare();
    const job = shown(await ask());
    const { input = null, wait_seconds } = errand.input as { input?: Json; wait_seconds?: number }; // of the schema
    const isNew = await supervisor.accept(job.job_id, input);
    if (isNew && !wait_seconds) return { ...job };
    return { ...(await waitFor(job.job_id, errand, Number.POSITIVE_INFINITY)) };
  };

  const get: Around = async (ask, errand) => {
    const job = shown(await ask());
    if (isOver(job)) return { ...job };
    await supervisor.recover();
    return { ...(await waitFor(job.job_id, errand, after(errand))) };
  };

  const cancel: Around = async (ask, errand) => {
    const job = shown(await ask());
    await supervisor.ended(job.job_id);
    return { ...(await look(job.job_id, after(errand), errand)) };
  };

  return new Map([
    [dispatchJob.name, dispatch],
    [getJob.name, get],
    [cancelJob.name, cancel],
  ]);
}

const after = ({ input }: Errand): number => (input as { after_event?: number }).after_event ?? 0; // of the schema

function tellProgress({ events }: JobShown, tell: NonNullable<Errand['progress']>): void {
  for (const { progress, total, message } of events) {
    if (progress === undefined) continue;
    tell({ progress, ...(total !== undefined && { total }), ...(message !== undefined && { message }) });
  }
}

interface Signal {
  /** Resolves when something may have been written about the job since the signal was made, or after `ms`. */
  within(ms: number): Promise<void>;
  quiet(): void;
}

function signal(sources: readonly ((listener: () => void) => () => void)[]): Signal {
  let quiet = (): void => {};
  const changed = new Promise<void>((resolve) => {
    const each = sources.map((source) => source(resolve));
    quiet = () => {
      for (const end of each) end();
    };
  });
  return {
    quiet: () => quiet(),
    async within(ms) {
      const abort = new AbortController();
      const late = sleep(ms, undefined, { signal: abort.signal }).catch(() => undefined);
      await Promise.race([late, changed]);
      abort.abort();
      quiet();
    },
  };
}
