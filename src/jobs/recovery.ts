/**
 * Ends the jobs that nobody looks after any more: of processes that are gone, of workers that have fallen silent, and, when
 * their authority has long been over, of processes of which nobody can say whether they are there.
 */
import { hasEnded } from '../authority/job.ts';
import { Refusal } from '../base/refusal.ts';
import { overOf } from '../tools/job.ts';
import type { Context } from '../tools/tool.ts';
import type { Charge } from './charge.ts';
import { endMarked } from './marked.ts';
import { Orphans } from './orphans.ts';
import type { Presence } from './presence.ts';
import type { End, JobRecord } from './record.ts';
import type { Silence } from './silence.ts';

export interface RecoveryOptions {
  readonly record: JobRecord;
  readonly presence: Presence;
  readonly silence: Silence;
  /** The jobs that this process looks after itself. */
  readonly charges: ReadonlyMap<string, Charge>;
  /** Told of a job that was ended. */
  readonly changed: (jobId: string) => void;
  readonly report: (error: unknown) => void;
}

/** Between two looks that somebody asks for lies at least this, in milliseconds. */
const APART_MS = 1000;
/** A job of an unknown place is ended here when its authority has been over for so long, in milliseconds. */
const FOREIGN_MS = 30_000;
const FIRST_MS = 100;
const AGAIN_MS = 5000;
const NEVER = Number.NEGATIVE_INFINITY;

const LOST: End = {
  state: 'error',
  code: 'INTERNAL',
  said: { message: 'The process that looked after the job has ended.' },
};

export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #orphans = new Orphans();
  /** When the authority of a job was first seen to be over. */
  readonly #overSince = new Map<string, number>();
  #first: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #looked = NEVER;

  /** Where the chain cannot be used, every call says so; this is none. */
  readonly #failed = (error: unknown): void => {
    if (!(error instanceof Refusal)) this.#options.report(error);
  };

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Looks soon, and then again and again. */
  watch(): void {
    const look = (): void => void this.look();
    // A process that only lives for a moment need not look.
    this.#first = setTimeout(look, FIRST_MS).unref();
    this.#again = setInterval(look, AGAIN_MS).unref();
  }

  /** Looks now, together with whoever else asks for it, unless that was done a moment ago. */
  look(): Promise<void> {
    if (performance.now() >= this.#looked + APART_MS) {
      this.#looking ??= this.#look()
        .catch(this.#failed)
        .finally(() => {
          this.#looked = performance.now();
          this.#looking = undefined;
        });
    }
    return this.#looking ?? Promise.resolve();
  }

  /** Looks no more by itself; resolves when nothing is being looked at. */
  async stop(): Promise<void> {
    clearTimeout(this.#first);
    clearInterval(this.#again);
    await this.#looking;
  }

  get hasLooked(): boolean {
    return this.#looked !== NEVER;
  }

  /** Before the process goes: looks once more, however short ago it has, where any job is open. */
  async lookAtLast(): Promise<void> {
    const isOpen = ({ state }: Context): boolean => [...state.jobs.values()].some((job) => !hasEnded(job));
    await this.#options.record
      .look(isOpen)
      .then((open) => (open ? this.#look() : undefined))
      .catch(this.#failed);
  }

  async #look(): Promise<void> {
    const { record, presence, silence } = this.#options;
    const [open, ended] = await record.look((context) => {
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
    await this.#orphans.end(ended, isGone);
    const silent = await silence.endsOf(open);
    const over = new Set(open.flatMap(({ id, over }) => (over ? [id] : [])));
    for (const id of this.#overSince.keys()) if (!over.has(id)) this.#overSince.delete(id);
    for (const { id, supervisor, over } of open) {
      const isLost = (await isGone(supervisor)) || (over && this.#isLongOver(id));
      const end = isLost ? (over ?? LOST) : silent.get(id);
      if (end) await this.#end(id, end);
    }
  }

  async #end(jobId: string, end: End): Promise<void> {
    const { record, charges, changed } = this.#options;
    const charge = charges.get(jobId);
    if (charge) await charge.end(end, 0);
    else await record.ended(jobId, end);
    await endMarked(jobId);
    changed(jobId);
  }

  #isLongOver(jobId: string): boolean {
    const since = this.#overSince.get(jobId) ?? performance.now();
    this.#overSince.set(jobId, since);
    return performance.now() > since + FOREIGN_MS && !this.#options.charges.has(jobId);
  }
}
