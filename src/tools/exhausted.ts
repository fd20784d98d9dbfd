/** A refused spend with which jobs end. */
import type { Money } from '../authority/budget.ts';
import type { Event } from '../authority/event/index.ts';
import { OPERATOR } from '../authority/event/refusal.ts';
import { endsWithBudget } from '../authority/exhaustion.ts';
import type { Grant } from '../authority/grant.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Context, Step } from './tool.ts';

/**
 * Where jobs end because `grant` cannot spend `money`, their ends and the refusal are one commit: whichever process asked,
 * and whoever looks after them, nobody sees one without the other. Throws the refusal where none does.
 */
export function refuseSpend(refusal: Refusal, grant: Grant, money: Money, tool: string, context: Context): Step<never> {
  const { state, caller, now } = context;
  const [event, ...after] = endsWithBudget(state, grant, money);
  if (!event) throw refusal;
  const { artifact, binding } = caller;
  const trace: Event = { kind: 'REFUSAL', code: refusal.code, artifact_hash: artifact, binding, tool };
  return {
    before: state.refusals.mayRecord(artifact ?? OPERATOR, now) ? [trace] : [],
    event,
    after,
    tell() {
      throw refusal;
    },
  };
}
