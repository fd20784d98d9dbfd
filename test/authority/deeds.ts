/** Random histories: what several callers do to one kernel, as plain data that a failing run can print. */
import fc from 'fast-check';
import { Refusal } from '../../src/base/refusal.ts';
import type { Caller } from '../../src/caller.ts';
import { as, type Kernel } from '../kernel.ts';

export type Permissions = { readonly [capability: string]: readonly string[] };

export type Deed =
  | {
      readonly do: 'create';
      readonly permissions?: Permissions;
      readonly depth: number;
      readonly ttl: number;
      /** Of the request_id. */
      readonly key?: number;
    }
  /** `by` and `of` count through the artifacts made so far; the caller is the operator where `by` is null. */
  | {
      readonly do: 'delegate';
      readonly by: number | null;
      readonly of: number;
      readonly permissions?: Permissions;
      readonly ttl: number;
      readonly key?: number;
      readonly calls?: number;
    }
  | { readonly do: 'revoke'; readonly by: number | null; readonly of: number }
  /** A call of an upstream tool, judged. */
  | { readonly do: 'use'; readonly by: number; readonly tool: string }
  | { readonly do: 'wait'; readonly seconds: number };

const PATTERNS: { readonly [capability: string]: readonly string[] } = {
  'tool.call': ['**', 'a/**', 'a/*', 'a/b', '*/b', 'a/b/c', 'c/d'],
  'fs.read': ['/**', '/ws/**', '/ws/a', '/etc/*'],
  'agent.delegate': ['*', 'sub-*', 'other'],
  'cost.budget': ['USD:5', 'USD:1', 'EUR:2.50'],
};

const permissions: fc.Arbitrary<Permissions> = fc.record(
  Object.fromEntries(
    Object.entries(PATTERNS).map(([name, patterns]) => [name, fc.subarray([...patterns], { maxLength: 3 })]),
  ),
  { requiredKeys: ['tool.call'] },
);
const seconds = fc.constantFrom(1, 5, 60, 700, 3600, 100_000);
const who = fc.option(fc.nat(30), { freq: 2 });

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record(
      { do: fc.constant('create' as const), permissions, depth: fc.nat(4), ttl: seconds },
      { requiredKeys: ['do', 'depth', 'ttl'] },
    ),
  },
  {
    weight: 8,
    arbitrary: fc.record(
      {
        do: fc.constant('delegate' as const),
        by: who,
        of: fc.nat(30),
        permissions,
        ttl: seconds,
        key: fc.nat(3),
        calls: fc.nat(9),
      },
      { requiredKeys: ['do', 'by', 'of', 'ttl'] },
    ),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke' as const), by: who, of: fc.nat(30) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('use' as const),
      by: fc.nat(30),
      tool: fc.constantFrom('a/b', 'c/d', 'x/y'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds }) },
);

/** Begins with a root, or most of what follows would come to nothing. */
export const deeds: fc.Arbitrary<readonly Deed[]> = fc
  .array(deed, { maxLength: 24 })
  .map((list) => [{ do: 'create', depth: 4, ttl: 100_000 }, ...list]);

export interface Answer {
  readonly deed: Deed;
  /** The code with which it was refused. */
  readonly code?: string;
  /** Sequence number and hash of the entry that the answer names. */
  readonly entry?: { readonly sequence_number: number; readonly entry_hash?: string } | null;
  /** Hash of the artifact that it made, or found again. */
  readonly made?: string;
}

/** Tools and inputs of a deed, given the artifacts that there are. */
export function callOf(
  deed: Exclude<Deed, { do: 'wait' | 'use' }>,
  made: readonly string[],
): [string, object, Caller | undefined] {
  const artifact = (at: number): string => made[at % made.length] ?? 'f'.repeat(64);
  if (deed.do === 'create') {
    const { permissions, depth, ttl, key } = deed;
    const request = key === undefined ? {} : { request_id: `root ${key}` };
    return [
      'aga_create_artifact',
      { ...(permissions && { permissions }), max_depth: depth, ttl_seconds: ttl, ...request },
      undefined,
    ];
  }
  const caller = deed.by === null ? undefined : as(artifact(deed.by));
  if (deed.do === 'revoke') return ['aga_revoke_artifact', { artifact_hash: artifact(deed.of), reason: 'x' }, caller];
  const { of, permissions, ttl, key, calls } = deed;
  const input = {
    parent_artifact_hash: artifact(of),
    ttl_seconds: ttl,
    ...(permissions && { permissions }),
    ...(key !== undefined && { request_id: `key ${key}` }),
    ...(calls !== undefined && { limits: { calls } }),
  };
  return ['aga_delegate_to_subagent', input, caller];
}

type Stage = Pick<Kernel, 'call' | 'clock' | 'service'>;

/** Does one thing, a second after the last one; the hash of the artifact that it made is added to `made`. */
export async function doOne({ call, clock, service }: Stage, deed: Deed, made: string[]): Promise<Answer> {
  clock.now += deed.do === 'wait' ? deed.seconds * 1000 : 1000;
  if (deed.do === 'wait') return { deed };
  try {
    if (deed.do === 'use') {
      const caller = as(made[deed.by % made.length] ?? 'f'.repeat(64));
      const { sequence_number, code } = await service.decide(caller, questionOf(deed.tool), 'enforce');
      return { deed, ...(code && { code }), entry: { sequence_number } };
    }
    const [tool, input, caller] = callOf(deed, made);
    const answer = await call(tool, input, caller);
    const hash: string | undefined = answer.child_artifact_hash ?? answer.artifact_hash;
    if (hash && !made.includes(hash)) made.push(hash);
    return { deed, entry: answer.chain, ...(hash && { made: hash }) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { deed, code: error.code };
  }
}

export async function act(stage: Stage, history: readonly Deed[], made: string[] = []): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const deed of history) answers.push(await doOne(stage, deed, made));
  return answers;
}

export const questionOf = (tool: string): Parameters<Kernel['service']['decide']>[1] => ({
  acts: [{ capability: 'tool.call', resource: tool }],
  tool,
  argumentsDigest: '',
  requestId: 1,
});
