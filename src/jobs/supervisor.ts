/** Looks after the jobs that this process has accepted, and ends those that nobody looks after any more. */
import { hasEnded, type Job } from '../authority/job.ts';
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Lookout } from '../service/lookout.ts';
import type { Service } from '../service/service.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import { begin, finish, traceparentOf } from '../tracing.ts';
import type { Agent } from './agent.ts';
import { Charge } from './charge.ts';
import type { Journal } from './journal.ts';
import { Leftovers } from './leftovers.ts';
import { endMarked, MARK, markOf } from './marked.ts';
import type { Presence } from './presence.ts';
import { type End, JobRecord } from './record.ts';
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
/** How often lost jobs are looked for at most, in milliseconds. */
const RECOVERY_MS = 1000;
/** A job of an unknown place is ended here when its authority has been over for so long, in milliseconds. */
const FOREIGN_MS = 30_000;
/** Who waits for any job, and not for this one: no job has such an id. */
const OFFERED = '';
const FIRST_MS = 100;
const NEVER = Number.NEGATIVE_INFINITY;
const AGAIN_MS = 5000;

const LOST: End = {
  state: 'error',
  code: 'INTERNAL',
  said: { message: 'The process that looked after the job has ended.' },
};
const CLOSED: End = {
  state: 'cancelled',
  code: 'CANCELLED',
  said: { message: 'The session that dispatched it ended.' },
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #record: JobRecord;
  readonly #silence: Silence;
  readonly #leftovers = new Leftovers();
  readonly #charges = new Map<string, Charge>();
  readonly #queue: Charge[] = [];
  /** When the authority of a job was first seen to be over. */
  readonly #overSince = new Map<string, number>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #running = 0;
  #closed: Promise<void> | undefined;
  #first: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #recovering: Promise<void> | undefined;
  #recovered = NEVER;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#record = new JobRecord(options.service, options.journal);
    this.#silence = new Silence(options.journal);
  }

  /** Before a job is accepted: from then on others must find this process alive. */
  prepare(): void {
    this.#options.presence.hold();
  }

  /** Starts a job that this process has accepted and not started before; answers whether it did. */
  async accept(jobId: string, input: Json): Promise<boolean> {
    const { presence, agents, environment, journal, grace, report } = this.#options;
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
      if (!this.#closed) void this.recover();
    });
    if (agent.isRemote) {
      // Any process may be asked for it.
      await journal.keep(jobId, [input]);
      this.#tell(OFFERED);
      charge.start();
    } else this.#queue.push(charge);
    this.#next();
    return true;
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

  /** Looks for lost jobs soon, and then again and again. */
  watch(): void {
    const look = (): void => void this.recover();
    // A process that only lives for a moment need not look.
    this.#first = setTimeout(look, FIRST_MS).unref();
    this.#again = setInterval(look, AGAIN_MS).unref();
  }

  /** Ends the jobs of processes that are gone, and what they have left running. */
  recover(): Promise<void> {
    if (this.#recovering || performance.now() < this.#recovered + RECOVERY_MS) {
      return this.#recovering ?? Promise.resolve();
    }
    this.#recovering = this.#recover()
      // Where the chain cannot be used, every call says so; this is none.
      .catch((error: unknown) => error instanceof Refusal || this.#options.report(error))
      .then(() => undefined)
      .finally(() => {
        this.#recovered = performance.now();
        this.#recovering = undefined;
      });
    return this.#recovering;
  }

  /** Ends everything at once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#first);
    clearInterval(this.#again);
    await this.#recovering;
    const charges = [...this.#charges.values()];
    await Promise.all(charges.map((charge) => charge.end(CLOSED, 0)));
    // What they had given out was looked after inside of them; and who lived for a moment only has not looked at all.
    if (charges.length > 0 || this.#recovered === NEVER) await this.#lookOnce();
    this.#options.presence.release();
  }

  async #lookOnce(): Promise<void> {
    try {
      const isOpen = await this.#record.look(({ state }) => [...state.jobs.values()].some((job) => !hasEnded(job)));
      if (isOpen) await this.#recover();
    } catch (error) {
      // Where the chain cannot be used, whoever asked it something was told.
      if (!(error instanceof Refusal)) this.#options.report(error);
    }
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

  /** The end of its authority, whoever caused it, is the end of the job. */
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

  async #recover(): Promise<void> {
    const { presence } = this.#options;
    const [open, ended] = await this.#record.look((context) => {
      const jobs = [...context.state.jobs.values()];
      return [
        jobs.filter((job) => !hasEnded(job)).map((job) => ({ ...job, over: overOf(job, context) })),
        jobs.filter(hasEnded).map(({ id, supervisor }) => ({ id, supervisor })),
      ];
    });
    const known = new Map<string, boolean>();
    const isGone = async (supervisor: string): Promise<boolean> => {
      const gone = known.get(supervisor) ?? (await presence.isGone(supervisor));
      known.set(supervisor, gone);
      return gone;
    };
    await this.#leftovers.end(ended, isGone);
    const silent = await this.#silent(open);
    for (const { id, supervisor, over } of open) {
      const isLost = (await isGone(supervisor)) || (over && this.#isLongOver(id));
      const end = isLost ? (over ?? LOST) : silent.get(id);
      if (!end) continue;
      this.#overSince.delete(id);
      this.#silence.forget(id);
      const charge = this.#charges.get(id);
      if (charge) await charge.end(end, 0);
      else await this.#record.ended(id, end);
      await endMarked(id);
      this.#tell(id);
    }
  }

  /** The running jobs of workers elsewhere that were not heard of for too long, asked about together. */
  async #silent(open: readonly Job[]): Promise<ReadonlyMap<string, End>> {
    const found = open.map(async ({ id, agent, state }) => {
      const seconds = this.#options.agents.get(agent)?.silenceSeconds;
      if (seconds === undefined || state !== 'running') return [];
      const end = await this.#silence.endOf(id, seconds);
      return end ? [[id, end] as const] : [];
    });
    return new Map((await Promise.all(found)).flat());
  }

  #isLongOver(jobId: string): boolean {
    const since = this.#overSince.get(jobId) ?? performance.now();
    this.#overSince.set(jobId, since);
    return performance.now() > since + FOREIGN_MS && !this.#charges.has(jobId);
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
