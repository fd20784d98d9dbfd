/** Limits on calls, counted for an artifact and all its descendants together. An omitted one is the ancestors'. */
import type { Excess } from './answer.ts';
import { invalid, onlyMembers } from './decode.ts';

export interface Limits {
  /** Permitted upstream calls in total. */
  readonly calls?: number;
  /** Permitted upstream calls in any minute. */
  readonly calls_per_minute?: number;
}

const NAMES = ['calls', 'calls_per_minute'] as const;

/** @throws Refusal `INVALID_REQUEST` on an unknown limit and on anything but an integer from 0. */
export function parseLimits(value: unknown): Limits {
  const members = onlyMembers(value, 'limits', NAMES, false);
  return pick((name) => {
    const limit = members[name];
    if (!Object.hasOwn(members, name)) return undefined;
    if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0) return limit;
    throw invalid(`limits.${name} must be an integer from 0`);
  });
}

export function excessOfLimits(child: Limits, parent: Limits): readonly Excess[] {
  return NAMES.flatMap((name) => {
    const [asked, held] = [child[name], parent[name]];
    if (asked === undefined || held === undefined || asked <= held) return [];
    return [{ capability: 'limits', pattern: `${name}:${asked}`, parent: [`${name}:${held}`] }];
  });
}

export const meetLimits = (a: Limits, b: Limits): Limits =>
  pick((name) => {
    const known = [a[name], b[name]].filter((limit) => limit !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  });

function pick(of: (name: (typeof NAMES)[number]) => number | undefined): Limits {
  return Object.fromEntries(NAMES.map((name) => [name, of(name)]).filter(([, limit]) => limit !== undefined));
}
