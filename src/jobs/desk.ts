/** What the tools of jobs do beside the chain: agents are started, and callers wait for them. */
import { hasEnded } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import type { Around, Errand, Output, Service } from '../service/service.ts';
import { cancelJob } from '../tools/cancel-job.ts';
import { dispatchJob } from '../tools/dispatch-job.ts';
import { getJob } from '../tools/get-job.ts';
import { isOver, type JobShown, overOf, showJob, asJobShown as shown, visibleJob } from '../tools/job.ts';
import { signal } from './signal.ts';
import type { Supervisor } from './supervisor.ts';

/** Other processes write about a job too: looked for this often, in milliseconds. */
const PERIOD = 150;

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

  /** The job where there is enough to show; else how many events there are, known without reading any of them. */
  const glance = (
    job_id: string,
    { caller, input }: Errand,
    isEnough: (events: number) => boolean,
  ): Promise<{ readonly events: number } | { readonly shown: JobShown }> =>
    service.ask<{ readonly events: number } | { readonly shown: JobShown }>({
      name: getJob.name,
      caller,
      writes: false,
      decide(context) {
        const job = visibleJob(context, job_id);
        const { events } = job;
        if (!hasEnded(job) && !overOf(job, context) && !isEnough(events)) return { answer: { events } };
        const show = showJob(job, context, after({ input }));
        return { later: async (reader) => ({ shown: shown(await show(reader)) }) };
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
      const left = until - performance.now();
      const isLast = left <= 0 || errand.signal?.aborted === true;
      const seen = await glance(job_id, errand, (events) => isLast || events > enough);
      const events = 'shown' in seen ? seen.shown.last_event : seen.events;
      if (errand.progress && events > told) {
        tellProgress(await look(job_id, told, errand), errand.progress);
        told = events;
      }
      if ('shown' in seen) {
        changed.quiet();
        return seen.shown;
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
    await supervisor.recovery.look();
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

const after = ({ input }: Pick<Errand, 'input'>): number => (input as { after_event?: number }).after_event ?? 0; // of the schema

function tellProgress({ events }: JobShown, tell: NonNullable<Errand['progress']>): void {
  for (const { progress, total, message } of events) {
    if (progress === undefined) continue;
    tell({ progress, ...(total !== undefined && { total }), ...(message !== undefined && { message }) });
  }
}
