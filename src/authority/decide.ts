/** Judges one call of an upstream tool, or one act that an enforcement point asks about: the verdict is an event. */
import { BINDINGS, type Binding } from '../artifact/artifact.ts';
import type { Code, Refusal } from '../base/refusal.ts';
import { type Act, denials, type Scope } from '../scope/scope.ts';
import { authorize } from './authorize.ts';
import { type Money, overBudget } from './budget.ts';
import type { Decision } from './event/decision.ts';
import { type Grant, lineage } from './grant.ts';
import { exhausted } from './usage.ts';

export interface Question {
  /** The act itself, first, and what its arguments touch. */
  readonly acts: readonly [Act, ...Act[]];
  /** `<server>/<tool>`; null for an act that is no tool call. */
  readonly tool: string | null;
  readonly argumentsDigest: string;
  readonly requestId: string | number | null;
  readonly binding: 'operator' | Binding;
  readonly mode: 'enforce' | 'shadow';
  /** A no that was found before the lineage was asked, for example arguments of the wrong shape. */
  readonly barred?: Refusal | undefined;
  /** What it costs: held together with a permit, as much of it as is left, from the least to the most. */
  readonly price?: { readonly least: Money; readonly most: Money } | undefined;
  /** The same acts read another way, which must be permitted as well: each scope of the lineage has a twin for it. */
  readonly second?: SecondReading | undefined;
}

export interface SecondReading {
  readonly acts: readonly Act[];
  readonly twins: ReadonlyMap<Scope, Scope>;
}

export interface Judgement {
  readonly event: Decision;
  readonly message: string;
  readonly by: Grant | null;
  /** Capability of the act that was refused for want of a permission; null where it was something else. */
  readonly lacking: string | null;
  /** What the question had against the act, where that is why: it says more than the event keeps. */
  readonly barred: Refusal | null;
}

/** `grant` is null for an operator that has no artifact yet. */
export function decide(grant: Grant | null, question: Question, time: number): Judgement {
  const no = judge(grant, question, time);
  const [first] = question.acts;
  const event: Decision = {
    kind: 'DECISION',
    artifact_hash: grant?.hash ?? null,
    verdict: no ? 'refuse' : 'permit',
    code: no?.code ?? null,
    refused_by: no?.by?.hash ?? null,
    capability: first.capability,
    tool: question.tool,
    arguments_digest: question.argumentsDigest,
    request_id: shortened(question.requestId),
    binding: question.binding,
    mode: question.mode,
  };
  const { message = 'Permitted.', by = null, lacking = null, barred = null } = no ?? {};
  return { event, message, by, lacking, barred };
}

/** For the record only, so the beginning of a long one will do; never half a character. */
function shortened(id: string | number | null): string | number | null {
  if (id === null || Number.isSafeInteger(id)) return id;
  return String(id).slice(0, MAX_ID).toWellFormed();
}

const MAX_ID = 256;

interface No {
  readonly code: Code;
  readonly message: string;
  readonly by: Grant | null;
  readonly lacking?: string;
  readonly barred?: Refusal;
}

function judge(grant: Grant | null, { acts, tool, binding, barred, second, price }: Question, time: number): No | null {
  if (!grant) {
    return { code: 'NO_ARTIFACT', message: 'No artifact loaded. Call aga_create_artifact first.', by: null };
  }
  const [first, ...touched] = acts;
  const refused = refusalOf(grant, [first], time);
  if (refused) return barred ? refused : refusalOf(grant, acts, time);
  if (binding !== 'operator' && BINDINGS.indexOf(binding) < BINDINGS.indexOf(grant.minBinding)) {
    const message = `The artifact asks for a caller known by ${grant.minBinding} or better; this one is known by ${binding}.`;
    return { code: 'PERMISSION_DENIED', message, by: grant };
  }
  // Named one by one: the message of an error is not enumerable.
  if (barred) return { code: barred.code, message: barred.message, by: null, barred };
  const no = refusalOf(grant, touched, time) ?? (second ? judgeSecond(grant, second) : null);
  if (no) return no;
  const over = tool === null ? null : overLimit(grant, time);
  // An artifact without any budget has none left.
  return over ?? (price ? dearer(overBudget(grant, price.least)) : null);
}

const dearer = (no: No | null): No | null => no && { ...no, code: 'BUDGET_EXHAUSTED' };

/** The refusal nearest the root, of all acts that are refused. */
function refusalOf(grant: Grant, acts: readonly Act[], time: number): No | null {
  let nearest: (No & { readonly by: Grant }) | null = null;
  for (const act of acts) {
    const no = authorize(grant, act, time);
    if (!no || (nearest && nearest.by.depth <= no.by.depth)) continue;
    nearest = no.code === 'PERMISSION_DENIED' ? { ...no, lacking: act.capability } : no;
  }
  return nearest;
}

function judgeSecond(grant: Grant, { acts, twins }: SecondReading): No | null {
  for (const by of lineage(grant)) {
    const scope = twins.get(by.scope);
    if (!scope)
      return { code: 'PERMISSION_DENIED', message: 'The lineage changed while the call was being judged.', by };
    for (const act of acts) {
      const [no] = denials(scope, act);
      if (no)
        return { code: no.code, message: `"${by.subject}" (depth ${by.depth}), links followed: ${no.message}`, by };
    }
  }
  return null;
}

function overLimit(grant: Grant, time: number): No | null {
  const over = exhausted(grant, time);
  if (!over) return null;
  const { by, limit, allowed } = over;
  const message = `"${by.subject}" (depth ${by.depth}) and its subtree have used ${limit}: ${allowed}.`;
  return { code: 'LIMIT_EXCEEDED', message, by };
}
