/**
 * Workers elsewhere that have fallen silent. Each word of a worker, an empty one too, says that it is alive; after a time
 * without any its job is over, and its artifact with it: so a worker that comes back is told so and can do nothing more, and
 * no other is ever given the same job.
 */
import type { Journal } from './journal.ts';
import type { End } from './record.ts';
import { FAILED } from './saying.ts';

/** Seconds that a worker may be silent where the configuration does not say. */
export const SILENCE_SECONDS = 60;

export class Silence {
  readonly #journal: Journal;
  /** When a job was first seen of whose worker nothing is known, not even that it took the job. */
  readonly #unheard = new Map<string, number>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** How the job of a silent worker ends; undefined while it was heard of within these seconds. */
  async endOf(jobId: string, seconds: number): Promise<End | undefined> {
    const silence = (await this.#journal.silence(jobId)) ?? this.#sinceSeen(jobId);
    if (silence <= seconds * 1000) return undefined;
    const said = { message: `Nothing was heard of the worker for ${seconds} s.` };
    return { state: 'error', code: FAILED, said };
  }

  forget(jobId: string): void {
    this.#unheard.delete(jobId);
  }

  #sinceSeen(jobId: string): number {
    const since = this.#unheard.get(jobId) ?? performance.now();
    this.#unheard.set(jobId, since);
    return performance.now() - since;
  }
}
