/**
 * Workers elsewhere that have fallen silent. Each word of a worker, an empty one too, says that it is alive; after a time
 * without any its job is over, and its artifact with it: so a worker that comes back is told so and can do nothing more, and
 * no other is ever given the same job.
 */
import type { Job } from '../authority/job.ts';
import type { Agent } from './agent.ts';
import type { Journal } from './journal.ts';
import type { End } from './record.ts';
import { FAILED } from './saying.ts';

/** Seconds that a worker may be silent where the configuration does not say. */
export const SILENCE_SECONDS = 60;

export class Silence {
  readonly #journal: Journal;
  readonly #agents: ReadonlyMap<string, Agent>;
  /** When a job was first seen of whose worker nothing is known, not even that it took the job. */
  readonly #unheard = new Map<string, number>();

  constructor(journal: Journal, agents: ReadonlyMap<string, Agent>) {
    this.#journal = journal;
    this.#agents = agents;
  }

  /** How those of all open jobs end whose workers were not heard of for too long, by their ids; asked about together. */
  async endsOf(jobs: readonly Job[]): Promise<ReadonlyMap<string, End>> {
    const open = new Set(jobs.map(({ id }) => id));
    for (const id of this.#unheard.keys()) if (!open.has(id)) this.#unheard.delete(id);
    const ends = new Map<string, End>();
    const judge = async ({ id, agent, state }: Job): Promise<void> => {
      const seconds = this.#agents.get(agent)?.silenceSeconds;
      if (seconds === undefined || state !== 'running') return;
      const silence = (await this.#journal.silence(id)) ?? this.#sinceSeen(id);
      const said = { message: `Nothing was heard of the worker for ${seconds} s.` };
      if (silence > seconds * 1000) ends.set(id, { state: 'error', code: FAILED, said });
    };
    await Promise.all(jobs.map(judge));
    return ends;
  }

  #sinceSeen(jobId: string): number {
    const since = this.#unheard.get(jobId) ?? performance.now();
    this.#unheard.set(jobId, since);
    return performance.now() - since;
  }
}
