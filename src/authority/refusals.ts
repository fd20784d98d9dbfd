/** What was refused lately: which callers have filled their share of the chain with it, and whose triggers it fires. */

/** Refusals recorded for one caller in `WINDOW` milliseconds. */
const RECORDED = 60;
const WINDOW = 60_000;
/** Refusals counted for one artifact at most. */
const COUNTED = 1000;

export class Refusals {
  /** Times of the refusals recorded last, per caller. */
  readonly recorded = new Map<string, number[]>();
  /** Times of the acts and requests that were refused last, per artifact. */
  readonly counted = new Map<string, number[]>();
  /** When the duties of an artifact fired last. */
  readonly fired = new Map<string, number>();

  /** Whether one more of this caller is worth an entry at `time`. */
  mayRecord(caller: string, time: number): boolean {
    const times = this.recorded.get(caller);
    return times === undefined || times.length < RECORDED || times[0]! + WINDOW <= time;
  }

  record(caller: string, time: number): void {
    keep(this.recorded, caller, time, RECORDED);
  }

  /** For the triggers that too many of them fire. */
  count(artifact: string, time: number): void {
    keep(this.counted, artifact, time, COUNTED);
  }

  /** How many were counted in the minute before `time`, up to `COUNTED`. */
  lately(artifact: string, time: number): number {
    return this.counted.get(artifact)?.filter((at) => at + WINDOW > time).length ?? 0;
  }

  /** An artifact begins anew. */
  forgive(artifact: string): void {
    this.counted.delete(artifact);
    this.fired.delete(artifact);
  }

  /** An artifact that is remembered no more. */
  forget(artifact: string): void {
    this.recorded.delete(artifact);
    this.forgive(artifact);
  }
}

function keep(all: Map<string, number[]>, key: string, time: number, most: number): void {
  const times = all.get(key) ?? [];
  times.push(time);
  if (times.length > most) times.shift();
  all.set(key, times);
}
