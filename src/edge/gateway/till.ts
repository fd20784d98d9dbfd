/** Takes the price of upstream calls: what was held for a call is settled when it is over. */
import { levelsLeft, type Money, overBudget, smaller } from '../../authority/budget.ts';
import { heldForCall, proposeReservation } from '../../authority/event/spend-reserved.ts';
import { proposeSettlement } from '../../authority/event/spend-settled.ts';
import { ended } from '../../authority/grant.ts';
import { Refusal } from '../../base/refusal.ts';
import { operator } from '../../caller.ts';
import type { Service } from '../../service/service.ts';
import { refuseSpend } from '../../tools/exhausted.ts';
import type { ToolResult } from '../session.ts';
import type { Price } from './pricing.ts';

/** An open reservation of an artifact. */
export interface Held {
  readonly artifact: string;
  readonly reservation: string;
  readonly money: Money;
}

export class Till {
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
      // Who fails sells nothing; of a call that was given up nobody knows what became, and it may have cost everything.
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

  /** What was held pays first, where its time was not up before the call was over. */
  async #pay(held: Held, cost: Money): Promise<void> {
    const within = smaller(cost, held.money);
    await this.#takeMore(held, (await this.#settle(held, within)) ? minus(cost, within) : cost);
  }

  /** The answer cost more than was held for it. What is left pays for it, or nobody gets to see it. */
  async #takeMore({ artifact }: Held, money: Money): Promise<void> {
    if (![...money.values()].some((units) => units > 0n)) return;
    const more = await this.#service.askAnyone<Held>({
      name: 'price',
      caller: this.#self,
      writes: true,
      decide(context) {
        const { state, now, nonce } = context;
        const grant = state.grants.get(artifact);
        const no = grant ? overBudget(grant, money) : null;
        if (!grant || no) {
          const message = `The answer costs more than was held for it, and it is not shown: ${no?.message ?? 'the artifact has ended.'}`;
          const refusal = new Refusal('BUDGET_EXHAUSTED', message, {
            detail: grant && { remaining: levelsLeft(grant, new Map()) },
          });
          if (!grant) throw refusal;
          return refuseSpend(refusal, grant, money, 'price', context);
        }
        const event = proposeReservation(grant, money, heldForCall(nonce()), now, null);
        return { event, tell: () => ({ artifact, reservation: event.reservation_id, money }) };
      },
    });
    await this.#settle(more, money);
  }

  /** Whether there is nothing more to pay of it. What its artifact's end has released is nobody's any more. */
  #settle({ artifact, reservation }: Held, spent: Money): Promise<boolean> {
    return this.#service.askAnyone<boolean>({
      name: 'price',
      caller: this.#self,
      writes: true,
      decide({ state, now }) {
        const [grant, open] = [state.grants.get(artifact), state.reservations.get(reservation)];
        if (!grant || ended(grant, now)) return { answer: true };
        if (!open) return { answer: false };
        return { event: proposeSettlement(open, grant, grant, spent, null), tell: () => true };
      },
    });
  }
}

/** The same call would be made twice by whoever believes that nothing has happened. */
const unpaid = ({ message }: Refusal): Refusal =>
  new Refusal('INTERNAL', `The upstream has answered, and what that costs could not be recorded: ${message}`, {
    hint: 'Do not repeat the call: it was made. Its answer is not shown, since it is not paid for.',
  });

const minus = (money: Money, less: Money): Money =>
  new Map([...money].map(([currency, units]) => [currency, units - (less.get(currency) ?? 0n)]));
