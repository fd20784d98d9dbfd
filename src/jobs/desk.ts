/** What the tools of jobs do beside the chain: agents are started, and callers wait for them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { END_STATES } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import type { Around, Errand, Output, Service } from '../service.ts';
import { cancelJob } from '../tools/cancel-job.ts';
import { dispatchJob } from '../tools/dispatch-job.ts';
import { getJob } from '../tools/get-job.ts';
import type { JobShown } from '../tools/job.ts';
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

  /** The job when it is over, or when `enough`, or when the time is up. */
  async function waitFor(job: JobShown, errand: Errand, enough: (job: JobShown) => boolean): Promise<JobShown> {
    const { wait_seconds: seconds = 0, after_event: after = 0 } = errand.input as { [name: string]: number }; // of the schema
    const until = performance.now() + seconds * 1000;
    let told = job.last_event;
    for (let last = job; ; last = await look(job.job_id, after, errand)) {
      told = tellProgress(last, told, errand);
      const left = until - performance.now();
      if (isOver(last) || enough(last) || left <= 0 || errand.signal?.aborted) return last;
      await soon(supervisor, job.job_id, Math.min(PERIOD, left));
    }
  }

  const dispatch: Around = async (ask, errand) => {
    supervisor.prepare();
    const job = shown(await ask());
    const { input = null, wait_seconds } = errand.input as { input?: Json; wait_seconds?: number }; // of the schema
    const isNew = await supervisor.accept(job.job_id, input);
    if (isNew && !wait_seconds) return { ...job };
    return { ...(await waitFor(isNew ? job : await look(job.job_id, 0, errand), errand, () => false)) };
  };

  const get: Around = async (ask, errand) => {
    const job = shown(await ask());
    if (isOver(job)) return { ...job };
    await supervisor.recover();
    return {
      ...(await waitFor(await look(job.job_id, after(errand), errand), errand, ({ events }) => events.length > 0)),
    };
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

function tellProgress({ events }: JobShown, told: number, { progress }: Errand): number {
  let last = told;
  for (const { event_number, progress: done, total, message } of events) {
    if (event_number <= last) continue;
    last = event_number;
    if (done !== undefined) {
      progress?.({ progress: done, ...(total !== undefined && { total }), ...(message !== undefined && { message }) });
    }
  }
  return last;
}

/** Resolves when something was written about the job here, or after `ms`. */
async function soon(supervisor: Supervisor, jobId: string, ms: number): Promise<void> {
  const abort = new AbortController();
  const late = sleep(ms, undefined, { signal: abort.signal }).catch(() => undefined);
  let quiet = (): void => {};
  const changed = new Promise<void>((resolve) => {
    quiet = supervisor.onChanged(jobId, resolve);
  });
  await Promise.race([late, changed]);
  abort.abort();
  quiet();
}
