/** Whether an index by artifact leads to exactly the entries that are about it: counted while the chain is judged. */
import type { Tallied, Touch } from '../ports.ts';
import type { Finding } from './audit.ts';

/** The rule of all its findings. */
export const INDEX = 'index';

export class Indexed {
  readonly findings: Finding[] = [];
  /** By artifact: the touches that belong into the index and are there. */
  readonly #held = new Map<string, number>();
  readonly #tallied = new Map<string, number>();

  /** Touches that the chain asks for, and which of them the index does not hold. */
  judge(touches: readonly Touch[], lacking: readonly Touch[]): void {
    for (const { artifact } of touches) add(this.#held, artifact, 1);
    const missing = new Map<number, string[]>();
    for (const { artifact, seq } of lacking) {
      add(this.#held, artifact, -1);
      missing.set(seq, [...(missing.get(seq) ?? []), artifact]);
    }
    for (const [seq, artifacts] of missing) {
      const message = `The index by artifact does not lead here from ${artifacts.join(', ')}: who asks for its entries is not shown this one.`;
      this.findings.push({ sequence_number: seq, rule: INDEX, message });
    }
  }

  tally(part: readonly Tallied[]): void {
    for (const { artifact, many } of part) add(this.#tallied, artifact, many);
  }

  /** What it holds beyond that: to be asked when all was judged and tallied. */
  surplus(): Finding[] {
    return Array.from(this.#tallied).flatMap(([artifact, many]) => {
      const more = many - (this.#held.get(artifact) ?? 0);
      if (more <= 0) return [];
      const message = `The index by artifact leads from ${artifact} to ${more} ${more === 1 ? 'entry' : 'entries'} that it should not lead to.`;
      return [{ sequence_number: null, rule: INDEX, message }];
    });
  }
}

function add(counts: Map<string, number>, artifact: string, many: number): void {
  counts.set(artifact, (counts.get(artifact) ?? 0) + many);
}
