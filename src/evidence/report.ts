/** What a verifier says of evidence: three verdicts a person can read, and what even a good one does not prove. */
import type { Finding } from '../authority/audit.ts';

export type { Finding } from '../authority/audit.ts';

export interface Verdict {
  readonly valid: boolean;
  readonly findings: readonly Finding[];
}

export interface Report {
  /** All three verdicts are. */
  readonly valid: boolean;
  /** Signatures, hashes, proofs, and that nothing is missing, added or moved. */
  readonly integrity: Verdict;
  /** Every link of every lineage narrows. */
  readonly containment: Verdict;
  /** Everything that happened was allowed where it happened, and what was refused was refused rightly. */
  readonly conduct: Verdict;
  /** Sentences: what nobody should read into this evidence. */
  readonly not_proven: readonly string[];
}

/** More findings than this in one verdict tell nobody more. */
export const MOST_FINDINGS = 200;

/** Collects the findings of one verdict. */
export class Findings {
  readonly #list: Finding[] = [];
  readonly #entries = new Set<number>();
  #count = 0;

  add(sequence_number: number | null, rule: string, message: string): void {
    this.#count += 1;
    if (sequence_number !== null) this.#entries.add(sequence_number);
    if (this.#list.length < MOST_FINDINGS) this.#list.push({ sequence_number, rule, message });
  }

  /** Takes over what was found apart, behind what is here. */
  join(other: Findings): void {
    this.#count += other.#count;
    for (const number of other.#entries) this.#entries.add(number);
    this.#list.push(...other.#list.slice(0, MOST_FINDINGS - this.#list.length));
  }

  /** Whether there is a finding about this entry itself. */
  about(sequence_number: number): boolean {
    return this.#entries.has(sequence_number);
  }

  get verdict(): Verdict {
    return { valid: this.#count === 0, findings: this.#list };
  }
}

const NOT_JUDGED: Verdict = {
  valid: false,
  findings: [{ sequence_number: null, rule: 'not_judged', message: 'Not judged: the document could not be read.' }],
};

/** The report about something that is no evidence at all. */
export function unreadable(integrity: Findings): Report {
  return {
    valid: false,
    integrity: integrity.verdict,
    containment: NOT_JUDGED,
    conduct: NOT_JUDGED,
    not_proven: ['Anything: the document could not be read.'],
  };
}
