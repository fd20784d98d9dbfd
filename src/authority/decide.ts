/** Judges one call of an upstream tool, or one act that an enforcement point asks about: the verdict is an event. */
import { BINDINGS, type Binding } from '../artifact/artifact.ts';
import type { Code } from '../base/refusal.ts';
import type { Act } from '../scope/scope.ts';
import { authorize } from './authorize.ts';
import type { Decision } from './event/decision.ts';
import type { Grant } from './grant.ts';
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
  readonly barred?: { readonly code: Code; readonly message: string };
}

export interface Judgement {
  readonly event: Decision;
  readonly message: string;
  readonly by: Grant | null;
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
    request_id: question.requestId,
    binding: question.binding,
    mode: question.mode,
  };
  return { event, message: no?.message ?? 'Permitted.', by: no?.by ?? null };
}

interface No {
  readonly code: Code;
  readonly message: string;
  readonly by: Grant | null;
}

function judge(grant: Grant | null, { acts, tool, binding, barred }: Question, time: number): No | null {
  if (!grant) {
    return { code: 'NO_ARTIFACT', message: 'No artifact loaded. Call aga_create_artifact first.', by: null };
  }
  const [first, ...touched] = acts;
  const refused = authorize(grant, first, time);
  if (refused) return refused;
  if (binding !== 'operator' && BINDINGS.indexOf(binding) < BINDINGS.indexOf(grant.minBinding)) {
    const message = `The artifact asks for a caller known by ${grant.minBinding} or better; this one is known by ${binding}.`;
    return { code: 'PERMISSION_DENIED', message, by: grant };
  }
  if (barred) return { ...barred, by: null };
  for (const act of touched) {
    const no = authorize(grant, act, time);
    if (no) return no;
  }
  return tool === null ? null : overLimit(grant, time);
}

export function overLimit(grant: Grant, time: number): No | null {
  const over = exhausted(grant, time);
  if (!over) return null;
  const { by, limit, allowed } = over;
  const message = `"${by.subject}" (depth ${by.depth}) and its subtree have used ${limit}: ${allowed}.`;
  return { code: 'LIMIT_EXCEEDED', message, by };
}
