/** Grants ordered by expiry: a binary heap, so that passing time costs nothing for what is still alive. */
import type { Grant } from './grant.ts';

export class Deadlines {
  readonly #heap: Grant[] = [];

  add(grant: Grant): void {
    const heap = this.#heap;
    let at = heap.push(grant) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (heap[up]!.expires <= grant.expires) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = grant;
  }

  /** Removes and returns one grant that has expired at `time`, earliest first. */
  take(time: number): Grant | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.expires > time) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(grant: Grant): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && heap[down + 1]!.expires < heap[down]!.expires) down += 1;
      if (heap[down]!.expires >= grant.expires) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = grant;
  }
}
