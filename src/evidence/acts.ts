/**
 * Decisions judged once more: what the law alone does not ask of an entry, because the entry alone does not say it.
 *
 * A chain holds digests of arguments and no resources, so some decisions cannot be judged from it; whoever has the
 * arguments can show them. What cannot be judged is counted, and never called wrong.
 */
import { sha256Hex } from '#digest';
import { BINDINGS } from '../artifact/artifact.ts';
import type { Decision } from '../authority/event/decision.ts';
import { type Grant, halted, lineage } from '../authority/grant.ts';
import { left } from '../authority/usage.ts';
import { canonicalize } from '../base/canonical.ts';
import { denials, type Scope } from '../scope/scope.ts';
import type { Arguments } from './question.ts';

/** Why a decision could not be judged: arguments or resources are not on the chain, or others' entries not in the bundle. */
export type Want = 'arguments' | 'others';

/** What was found about one decision. */
export type Judgement = 'right' | { readonly wants: Want } | { readonly rule: string; readonly message: string };

const WANTS_ARGUMENTS = { wants: 'arguments' } as const;
const WANTS_OTHERS = { wants: 'others' } as const;

export interface Decided {
  readonly event: Decision;
  readonly grant: Grant;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Arguments that were disclosed, by their digest. */
  readonly disclosed: ReadonlyMap<string, Arguments>;
  /** Whether all calls that count for an artifact are in the bundle, and all that could end it. */
  readonly whole: (grant: Grant) => boolean;
}

const EMPTY = sha256Hex('{}');

/** Arguments by the digests that decisions name them by. */
export function byDigest(disclosed: readonly Arguments[]): ReadonlyMap<string, Arguments> {
  return new Map(disclosed.map((each) => [sha256Hex(canonicalize(each)), each]));
}

/** A permit that the law has found no fault with, asked what else stood in its way. */
export function judgePermit(decided: Decided): Judgement {
  const { event, grant } = decided;
  const line = lineage(grant);
  if (isTooWeak(event, grant)) {
    const message = `The caller was known by ${event.binding}; the artifact asks for ${grant.minBinding} or better.`;
    return { rule: 'binding', message };
  }
  if (event.capability === 'net.fetch' && line.some(({ restraint }) => restraint?.isolated))
    return { rule: 'isolation', message: 'A fetch was permitted to a subtree that is isolated from the network.' };
  if (event.tool === null) return WANTS_ARGUMENTS;
  if (line.every(({ scope }) => scope.argument_rules.length === 0)) return 'right';
  const given = argumentsOf(decided);
  if (given === undefined) return WANTS_ARGUMENTS;
  for (const { scope, subject, depth } of line) {
    const no = refusalBy(scope, event, event.tool, given);
    if (no) return { rule: 'arguments', message: `"${subject}" (depth ${depth}) does not permit it: ${no}` };
  }
  return 'right';
}

/** A refusal, asked whether anything stood in the way. */
export function judgeRefusal(decided: Decided): Judgement {
  const { event, grant } = decided;
  const by = lineage(grant).find(({ hash }) => hash === event.refused_by);
  if (event.refused_by !== null && !by)
    return wrong('It was refused in the name of an artifact that is not of its lineage.');
  const judge = event.code === null ? undefined : REFUSALS[event.code];
  // Without a name it was refused before the lineage was asked, for example for the shape of its arguments.
  return by && judge ? judge(decided, by) : WANTS_ARGUMENTS;
}

type Judge = (decided: Decided, by: Grant) => Judgement;

const ended: Judge = ({ event, grant, time, whole }, by) => {
  const over = halted(grant, time);
  if (over?.code === event.code && over.by === by) return 'right';
  // A key that was banned elsewhere ends every artifact that it holds.
  const perhapsBanned = event.code === 'ARTIFACT_REVOKED' && lineage(grant).some(({ holder }) => holder !== null);
  if (perhapsBanned && !whole(by)) return WANTS_OTHERS;
  const found = over ? `${over.code} by "${over.by.subject}"` : 'nothing had ended';
  return wrong(`It was refused with ${event.code} by "${by.subject}" (depth ${by.depth}); found: ${found}.`);
};

const used: Judge = ({ event, time, whole }, by) => {
  const rest = left(by, time);
  if (event.tool !== null && Object.values(rest).some((count) => count === 0)) return 'right';
  if (!whole(by)) return WANTS_OTHERS;
  return wrong(`It was refused as over a limit of "${by.subject}", which had left: ${canonicalize(rest)}.`);
};

const denied: Judge = (decided, by) => {
  const { event, grant } = decided;
  if (halted(grant, decided.time) || (by === grant && isTooWeak(event, grant))) return 'right';
  if (event.tool === null) return WANTS_ARGUMENTS;
  if (refusalBy({ ...by.scope, argument_rules: [] }, event, event.tool, {})) return 'right';
  const given = argumentsOf(decided);
  if (given === undefined) return WANTS_ARGUMENTS;
  if (refusalBy(by.scope, event, event.tool, given)) return 'right';
  // What arguments touch (files, URLs) is known to the gateway alone; without arguments nothing is touched.
  if (Object.keys(given).length > 0) return WANTS_ARGUMENTS;
  return wrong(`It was refused by "${by.subject}" (depth ${by.depth}), which permits ${event.tool}.`);
};

/** A code that is not here is of something that no chain records. */
const REFUSALS: { readonly [code: string]: Judge } = {
  ARTIFACT_REVOKED: ended,
  LEASE_EXPIRED: ended,
  SUSPENDED: ended,
  LIMIT_EXCEEDED: used,
  PERMISSION_DENIED: denied,
  INVALID_REQUEST: denied,
};

const wrong = (message: string): Judgement => ({ rule: 'refusal', message });

const isTooWeak = ({ binding }: Decision, { minBinding }: Grant): boolean =>
  binding !== 'operator' && BINDINGS.indexOf(binding) < BINDINGS.indexOf(minBinding);

function argumentsOf({ event, disclosed }: Decided): Arguments | undefined {
  const { arguments_digest: digest } = event;
  return digest === '' || digest === EMPTY ? {} : disclosed.get(digest);
}

/** Why a scope does not permit the call, in words. */
function refusalBy(scope: Scope, { capability }: Decision, resource: string, given: Arguments): string | undefined {
  return denials(scope, { capability, resource, arguments: given })[0]?.message;
}
