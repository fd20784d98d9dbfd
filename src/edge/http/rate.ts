/** A bucket for each caller: so many acts a second, and a burst; nobody pays for another. */
import { Refusal } from '../../base/refusal.ts';

export interface Rate {
  /** Takes one from the caller's bucket. Throws `RATE_LIMITED` where it is empty. */
  take(caller: string): void;
}

interface Bucket {
  tokens: number;
  /** Milliseconds; when `tokens` was counted. */
  at: number;
}

/** Full buckets are forgotten when there are more than this. */
const KEPT = 10_000;

export function rateOf(perSecond: number, burst: number, clock: () => number): Rate {
  const buckets = new Map<string, Bucket>();
  const filled = ({ tokens, at }: Bucket, now: number): number =>
    Math.min(burst, tokens + (Math.max(0, now - at) * perSecond) / 1000);

  function prune(now: number): void {
    for (const [caller, bucket] of buckets) if (filled(bucket, now) === burst) buckets.delete(caller);
  }

  return {
    take(caller) {
      const now = clock();
      const bucket = buckets.get(caller) ?? { tokens: burst, at: now };
      bucket.tokens = filled(bucket, now);
      bucket.at = now;
      if (bucket.tokens < 1) throw new Refusal('RATE_LIMITED', `More than ${perSecond} delegations a second.`);
      bucket.tokens -= 1;
      if (buckets.size >= KEPT && !buckets.has(caller)) prune(now);
      buckets.set(caller, bucket);
    },
  };
}
