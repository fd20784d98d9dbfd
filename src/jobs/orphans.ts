/**
 * Processes of jobs that have ended while nobody was there to end them: whoever supervised such a job was killed before it
 * could, or another process wrote the end of a job whose supervisor was dead by then.
 */
import { endMarked } from './marked.ts';

export interface EndedJob {
  readonly id: string;
  readonly supervisor: string;
}

export class Orphans {
  /** Jobs that need not be looked at again. */
  #done = new Set<string>();

  /** `ended`: all jobs known to have ended. Those of dead supervisors are looked for once, together. */
  async end(jobs: readonly EndedJob[], isGone: (supervisor: string) => Promise<boolean>): Promise<void> {
    const fresh: string[] = [];
    for (const { id, supervisor } of jobs) if (!this.#done.has(id) && (await isGone(supervisor))) fresh.push(id);
    await Promise.all(fresh.map(endMarked));
    // What is forgotten on the chain is forgotten here.
    this.#done = new Set([...jobs.map(({ id }) => id).filter((id) => this.#done.has(id)), ...fresh]);
  }
}
