/** Takes the price of upstream calls: what was held for a call is settled when it is over. */
import { budgetLeft, levelsLeft, type Money, overBudget, smaller } from '../../authority/budget.ts';
import { heldForCall, proposeReservation } from '../../authority/event/spend-reserved.ts';
import { proposeSettlement } from '../../authority/event/spend-settled.ts';
import { ended, lineage } from '../../authority/grant.ts';
import { Refusal } from '../../base/refusal.ts';
import { operator } from '../../caller.ts';
import type { Service } from '../../service/service.ts';
import { refuseSpend } from '../../tools/exhausted.ts';
import type { ToolResult } from '../mcp/session.ts';
import type { Price } from './pricing.ts';

/** An open reservation of an artifact. */
export interface Held {
  readonly artifact: string;
  readonly reservation: string;
  readonly money: Money;
}

export class Charging {
  readonly #service: Service;
  readonly #self = operator();

  constructor(service: Service) {
    this.#service = service;
  }

  /** Makes a call that something is held for. Throws `BUDGET_EXHAUSTED` where its answer costs more than there is. */
  async paid(held: Held, price: Price, call: () => Promise<ToolResult>): Promise<ToolResult> {
    let result: ToolResult;
    try {
      result = await call();
    } catch (error) {
      // A failed call costs nothing. Nobody knows what became of one that was given up, so it costs all that was held.
      const failed = error instanceof Refusal && error.code === 'UPSTREAM_FAILED';
      // Where that cannot be written, what was held is released when its time is up.
      await this.#pay(held, failed ? new Map() : held.money).catch(() => undefined);
      throw error;
    }
    const cost = price.cost(result) ?? held.money;
    try {
      await this.#pay(held, cost);
    } catch (error) {
      throw error instanceof Refusal && error.body.retryable ? unpaid(error) : error;
    }
    return result;
  }

  /** What was held pays first, where it was not released before the call was over. */
  async #pay(held: Held, cost: Money): Promise<void> {
    const within = smaller(cost, held.money);
    await this.#takeMore(held, (await this.#settle(held, within)) ? minus(cost, within) : cost);
  }

  /**
   * What was held did not do, or was released. What is left pays for it, or nobody gets to see the answer. Where the artifact
   * has ended, the nearest that lives above it pays: whoever ends what it gave away, and gives it again, pays for each call.
   */
  async #takeMore({ artifact }: Held, money: Money): Promise<void> {
    if (isNothing(money)) return;
    const more = await this.#service.askAnyone<Held | null>({
      name: 'price',
      caller: this.#self,
      writes: true,
      decide(context) {
        const { state, now, nonce } = context;
        const grant = state.grants.get(artifact);
        const payer = grant && lineage(grant).findLast((each) => !ended(each, now));
        if (!payer) return { answer: null };
        const due = payer === grant ? money : smaller(money, budgetLeft(payer));
        if (isNothing(due)) return { answer: null };
        const no = overBudget(payer, due);
        if (no) {
          const message = `The answer costs more than was held for it, and it is not shown: ${no.message}`;
          const detail = { remaining: levelsLeft(payer, new Map()) };
          return refuseSpend(new Refusal('BUDGET_EXHAUSTED', message, { detail }), payer, due, 'price', context);
        }
        const event = proposeReservation(payer, due, heldForCall(nonce()), now, null);
        return { event, tell: () => ({ artifact: payer.hash, reservation: event.reservation_id, money: due }) };
      },
    });
    if (more) await this.#settle(more, more.money);
  }

  /** Whether what was held could still pay. */
  #settle({ artifact, reservation }: Held, spent: Money): Promise<boolean> {
    return this.#service.askAnyone<boolean>({
      name: 'price',
      caller: this.#self,
      writes: true,
      decide({ state, now }) {
        const [grant, open] = [state.grants.get(artifact), state.reservations.get(reservation)];
        if (!grant || !open || ended(grant, now)) return { answer: false };
        return { event: proposeSettlement(open, grant, grant, spent, null), tell: () => true };
      },
    });
  }
}

const isNothing = (money: Money): boolean => [...money.values()].every((units) => units <= 0n);

/** Says that the call was made: a caller who believes that nothing happened would repeat it. */
const unpaid = ({ message }: Refusal): Refusal =>
  new Refusal('INTERNAL', `The upstream has answered, and what that costs could not be recorded: ${message}`, {
    hint: 'Do not repeat the call: it was made. Its answer is not shown, since it is not paid for.',
  });

const minus = (money: Money, less: Money): Money =>
  new Map([...money].map(([currency, units]) => [currency, units - (less.get(currency) ?? 0n)]));
