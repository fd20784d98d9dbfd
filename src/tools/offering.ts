/**
 * What is offered in place of a refused request passes as a whole.
 *
 * A request that is wrong in several members is refused for the first of them; so what was corrected there is judged
 * again, until nothing is refused. Where that comes to a no without an offer, this is the one to be told: no correction
 * of the others would help.
 */
import { Refusal } from '../base/refusal.ts';

/** Every round corrects at least one member, and a request has about so many that can be refused for being too wide. */
const MOST_ROUNDS = 8;

/** What `judge`, which only reads, answers. Throws its refusals, `detail.nearest_allowed` completed. */
export function offering<R extends object, T>(request: R, judge: (request: R) => T): T {
  const first = refusalOf(() => judge(request));
  if (!(first instanceof Refusal)) return first.answer;
  let offer: object | undefined;
  let next: Refusal = first;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const more = offerOf(next);
    if (!more) throw next;
    offer = { ...offer, ...more };
    const corrected = { ...request, ...offer };
    const judged = refusalOf(() => judge(corrected));
    if (!(judged instanceof Refusal)) break;
    next = judged;
  }
  const { code, message, hint, detail } = first;
  throw new Refusal(code, message, { hint, detail: { ...(detail as object), nearest_allowed: offer } }); // it had an offer
}

/** What it refuses, or what it answers. */
export function refusalOf<T>(judge: () => T): Refusal | { readonly answer: T } {
  try {
    return { answer: judge() };
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function offerOf({ detail }: Refusal): object | undefined {
  return (detail as { readonly nearest_allowed?: object } | null)?.nearest_allowed; // our own refusals
}
