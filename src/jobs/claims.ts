/** Which worker took which remote job: kept in the job's journal, so that no other worker can report on it, on any replica. */
import type { Json } from '../base/canonical.ts';
import type { Journal } from './journal.ts';

const MEMBER = 'aga_taken_by';

export class Claims {
  readonly #journal: Journal;
  readonly #known = new Map<string, string>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** `artifact`: what the worker acts under. The operator is not remembered, since it may report on every job. */
  async took(jobId: string, artifact: string | null): Promise<void> {
    if (artifact === null) return;
    await this.#journal.keep(jobId, [{ [MEMBER]: artifact }]);
    this.#known.set(jobId, artifact);
  }

  /** Whether another worker has taken the job. */
  async isForeign(jobId: string, artifact: string | null): Promise<boolean> {
    if (artifact === null) return false;
    const taker = this.#known.get(jobId) ?? (await this.#read(jobId));
    return taker !== undefined && taker !== artifact;
  }

  forget(jobId: string): void {
    this.#known.delete(jobId);
  }

  async #read(jobId: string): Promise<string | undefined> {
    for (const said of (await this.#journal.of(jobId)).values()) {
      const taker = takerIn(said);
      if (taker === undefined) continue;
      this.#known.set(jobId, taker);
      return taker;
    }
    return undefined;
  }
}

function takerIn(said: Json): string | undefined {
  if (typeof said !== 'object' || said === null || Array.isArray(said) || Object.keys(said).length !== 1)
    return undefined;
  const taker = (said as { readonly [member: string]: Json })[MEMBER];
  return typeof taker === 'string' ? taker : undefined;
}
