/** Call allowances: counted for an artifact and all its descendants together, at every level of the lineage. */
import { type Limits, meetLimits } from '../scope/limits.ts';
import { type Grant, lineage, type Usage } from './grant.ts';

const MINUTE = 60_000;

export const usageFor = (limits: Limits): Usage | null =>
  Object.keys(limits).length > 0 ? { calls: 0, recent: [] } : null;

/** What is left of each limit at `time`; empty where there is none. */
export function left({ scope: { limits }, usage }: Grant, time: number): Limits {
  const { calls, calls_per_minute } = limits;
  const used = usage?.recent.filter((at) => at + MINUTE > time).length ?? 0;
  return {
    ...(calls !== undefined && { calls: Math.max(0, calls - (usage?.calls ?? 0)) }),
    ...(calls_per_minute !== undefined && { calls_per_minute: Math.max(0, calls_per_minute - used) }),
  };
}

/** What is left for a grant: the least that any of its lineage has left. */
export function leftOf(grant: Grant, time: number): Limits {
  return lineage(grant)
    .map((each) => left(each, time))
    .reduce(meetLimits, {});
}

/** The ancestor nearest the root whose allowance is used up, and which one; null while one more call fits everywhere. */
export function exhausted(grant: Grant, time: number): { by: Grant; limit: keyof Limits; allowed: number } | null {
  for (const by of lineage(grant)) {
    if (by.usage === null) continue;
    const rest = left(by, time);
    for (const limit of ['calls', 'calls_per_minute'] as const) {
      if (rest[limit] === 0) return { by, limit, allowed: by.scope.limits[limit] ?? 0 };
    }
  }
  return null;
}

export function countCall(grant: Grant, time: number): void {
  for (let at: Grant | null = grant; at; at = at.parent) {
    if (at.usage === null) continue;
    at.usage.calls += 1;
    const { recent } = at.usage;
    recent.push(time);
    if (recent.length > (at.scope.limits.calls_per_minute ?? 0)) recent.shift();
  }
}
