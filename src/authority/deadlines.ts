/** What expires, earliest first: a binary heap, so that passing time costs nothing for what is still alive. */
export class Deadlines<T extends { readonly expires: number }> {
  readonly #heap: T[] = [];

  add(item: T): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (heap[up]!.expires <= item.expires) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = item;
  }

  /** When the next thing expires; undefined where there is none. */
  get next(): number | undefined {
    return this.#heap[0]?.expires;
  }

  /** Removes and returns one thing that has expired at `time`, earliest first. */
  take(time: number): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.expires > time) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(item: T): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && heap[down + 1]!.expires < heap[down]!.expires) down += 1;
      if (heap[down]!.expires >= item.expires) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = item;
  }
}
