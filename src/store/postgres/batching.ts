/** Requests that wait at the same time share one statement. */
import { setImmediate as turn } from 'node:timers/promises';

interface Waiting<Asked, Answer> {
  readonly asked: Asked;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Batching<Asked, Answer> {
  readonly #ask: (batch: readonly Asked[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Asked, Answer>[] = [];
  #draining: Promise<void> | undefined;

  /** `ask`: one answer for each, in their order; what it throws is thrown to all of them. */
  constructor(ask: (batch: readonly Asked[]) => Promise<readonly Answer[]>) {
    this.#ask = ask;
  }

  ask(asked: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nobody waits. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    await turn();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const answers = await this.#ask(batch.map(({ asked }) => asked));
        for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer); // one for each
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#draining = undefined;
  }
}
