/** Looks after the jobs that this process has accepted. */
import { hasEnded, type Job } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import type { Lookout } from '../service/lookout.ts';
import type { Service } from '../service/service.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import { begin, finish, traceparentOf } from '../tracing.ts';
import type { Agent } from './agent.ts';
import { Charge } from './charge.ts';
import type { Journal } from './journal.ts';
import { MARK, markOf } from './marked.ts';
import type { Presence } from './presence.ts';
import { type End, JobRecord } from './record.ts';
import { Recovery } from './recovery.ts';
import { Silence } from './silence.ts';

export interface SupervisorOptions {
  readonly service: Service;
  readonly lookout: Lookout;
  readonly journal: Journal;
  readonly presence: Presence;
  readonly agents: ReadonlyMap<string, Agent>;
  /** Milliseconds that a job has to end by itself before it is killed. */
  readonly grace: number;
  /** What a job's processes need to act under its artifact. */
  readonly environment: (job: Job) => { readonly [name: string]: string };
  readonly report: (error: unknown) => void;
}

/** Jobs that run at once in one process; others wait. */
const AT_ONCE = 32;
/** A suspended artifact may be resumed: looked at again so often, in milliseconds. */
const SUSPENDED_MS = 1000;
/** Key of those who wait for any job: no job has such an id. */
const OFFERED = '';

const CLOSED: End = {
  state: 'cancelled',
  code: 'CANCELLED',
  said: { message: 'The session that dispatched it ended.' },
};

const UNKEPT: End = { state: 'error', code: 'INTERNAL', said: { message: 'Its input could not be kept.' } };

export class Supervisor {
  /** Of the jobs that others have left. */
  readonly recovery: Recovery;
  readonly #options: SupervisorOptions;
  readonly #record: JobRecord;
  readonly #charges = new Map<string, Charge>();
  readonly #queue: Charge[] = [];
  readonly #listeners = new Map<string, Set<() => void>>();
  #running = 0;
  #closed: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#record = new JobRecord(options.service, options.journal);
    const { presence, journal, agents, report } = options;
    this.recovery = new Recovery({
      record: this.#record,
      presence,
      silence: new Silence(journal, agents),
      charges: this.#charges,
      changed: (jobId) => this.#tell(jobId),
      report,
    });
  }

  /** Before a job is accepted: from then on others must find this process alive. */
  prepare(): void {
    this.#options.presence.hold();
  }

  /** Starts a job that this process has accepted and not started before; answers whether it did. */
  async accept(jobId: string, input: Json): Promise<boolean> {
    const { presence, agents, environment, grace, report } = this.#options;
    const job = await this.#record.look(({ state }) => state.jobs.get(jobId));
    if (!job || job.supervisor !== presence.id || this.#charges.has(jobId) || hasEnded(job)) return false;
    const agent = agents.get(job.agent);
    // A worker elsewhere may have been faster, and now waits for the input.
    if (job.state !== 'pending' && !agent?.isRemote) return false;
    if (!agent || this.#closed) {
      await this.#record.ended(jobId, CLOSED);
      return true;
    }
    const about = { 'aga.job_id': jobId, 'aga.agent': job.agent, 'aga.artifact': job.artifact };
    const span = begin(`job ${job.agent}`, about, job.traceparent);
    const traceparent = traceparentOf(span);
    const trace = traceparent === undefined ? {} : { TRACEPARENT: traceparent };
    const task = { jobId, input, environment: { ...environment(job), ...trace, [MARK]: markOf(job.within) } };
    const changed = (): void => this.#tell(jobId);
    const charge = new Charge({ task, agent, record: this.#record, grace, changed, report });
    this.#charges.set(jobId, charge);
    const stop = this.#watch(job, charge);
    void charge.gone.then(() => {
      stop();
      finish(span, charge.code);
      this.#charges.delete(jobId);
      // What it had given out was looked after inside of it.
      if (!this.#closed) void this.recovery.look();
    });
    if (agent.isRemote) {
      // Any process may be asked for it.
      if (await this.#kept(jobId, input)) {
        this.#tell(OFFERED);
        charge.start();
      } else await charge.end(UNKEPT, 0);
    } else this.#queue.push(charge);
    this.#next();
    return true;
  }

  async #kept(jobId: string, input: Json): Promise<boolean> {
    try {
      await this.#options.journal.keep(jobId, [input]);
      return true;
    } catch (error) {
      this.#options.report(error);
      return false;
    }
  }

  /** A job was ended on the chain by this process: its processes need not wait to be told. */
  async ended(jobId: string): Promise<void> {
    const charge = this.#charges.get(jobId);
    if (charge) await this.#options.lookout.look();
    this.#tell(jobId);
  }

  /** Calls back, once, when something was written about the job by this process; returns the unsubscriber. */
  onChanged(jobId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set();
    this.#listeners.set(jobId, listeners.add(listener));
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(jobId);
    };
  }

  /** Calls back, once, when this process has accepted a job that a worker elsewhere may take; returns the unsubscriber. */
  onOffered(listener: () => void): () => void {
    return this.onChanged(OFFERED, listener);
  }

  /** Ends everything at once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.recovery.stop();
    const charges = [...this.#charges.values()];
    await Promise.all(charges.map((charge) => charge.end(CLOSED, 0)));
    // What they had given out was looked after inside of them; and who lived for a moment only has not looked at all.
    if (charges.length > 0 || !this.recovery.hasLooked) await this.recovery.lookAtLast();
    this.#options.presence.release();
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const charge = this.#queue.shift();
      if (!charge) return;
      if (charge.isOver) continue;
      this.#running += 1;
      void charge.gone.then(() => {
        this.#running -= 1;
        this.#next();
      });
      charge.start();
    }
  }

  /** A job ends when its authority ends, whatever the cause. */
  #watch(job: Job, charge: Charge): () => void {
    let again: NodeJS.Timeout | undefined;
    let quiet = (): void => {};
    const look = (): void => {
      quiet = this.#options.lookout.onEnded(job.artifact, async () => {
        const over = await this.#record.look((context) => endSeen(job, context)).catch(() => undefined);
        if (!over) {
          again = setTimeout(look, SUSPENDED_MS).unref();
          return;
        }
        await charge.end(over);
      });
    };
    look();
    return () => {
      clearTimeout(again);
      quiet();
    };
  }

  #tell(jobId: string): void {
    const listeners = this.#listeners.get(jobId);
    this.#listeners.delete(jobId);
    for (const listener of listeners ?? []) listener();
  }
}

/** How its authority has ended; where somebody has written down why, by that code. */
function endSeen(job: Job, context: Context): End | undefined {
  const over = overOf(job, context);
  return over && { ...over, code: context.state.jobs.get(job.id)?.code ?? over.code };
}
