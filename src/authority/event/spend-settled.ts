/** A reservation ends: so much of it was spent, at every level up to the root, and the rest is free again. */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { amountsOf, levelsLeft, type Money } from '../budget.ts';
import { asWritten, hash, request } from '../decode.ts';
import { find, haltedRefusal } from '../find.ts';
import { ended, type Grant, isWithin } from '../grant.ts';
import type { Kind, RequestDigest } from '../kind.ts';
import type { Reservation } from '../state.ts';
import { levels, movedBy, refuseFalseLevels, reservationId, writable, writtenAmounts } from './spend-reserved.ts';

const schema = z.strictObject({
  kind: z.literal('SPEND_SETTLED'),
  /** The artifact that reserved. */
  artifact_hash: hash,
  reservation_id: reservationId,
  /** The artifact that settled or released it: the same, or a descendant. */
  by: hash,
  outcome: z.enum(['settled', 'released']),
  /** What was spent; empty where it was released. */
  amounts: z.array(z.string().max(64)).max(32),
  /** What every level of the lineage has left after it, root first. */
  remaining: levels,
  request,
});
export type SpendSettled = z.infer<typeof schema>;

/** What comes back of `held` when `spent` of it was spent. Throws `BUDGET_EXHAUSTED` where it is more. */
function restOf(held: Money, spent: Money): Money {
  const rest = new Map(held);
  for (const [currency, units] of spent) {
    const had = rest.get(currency) ?? 0n;
    if (units > had) {
      const [asked, kept] = [units, had].map((each) => amountsOf(new Map([[currency, each]])));
      const message = `${asked} is more than the ${kept} that were reserved; the reservation stays as it is.`;
      throw new Refusal('BUDGET_EXHAUSTED', message, { detail: { reserved: amountsOf(held) } });
    }
    rest.set(currency, had - units);
  }
  return rest;
}

/** The event that ends `open`, which `grant` reserved, of which `spent` was spent. */
export const proposeSettlement = (
  open: Reservation,
  grant: Grant,
  by: Grant,
  spent: Money,
  request: RequestDigest | null,
  outcome: SpendSettled['outcome'] = 'settled',
): SpendSettled => ({
  kind: 'SPEND_SETTLED',
  artifact_hash: open.artifact,
  reservation_id: open.id,
  by: by.hash,
  outcome,
  amounts: amountsOf(spent),
  remaining: writable(levelsLeft(grant, restOf(open.money, spent))),
  request,
});

/** The same words for one that is over, that is foreign, and that never was. */
export const noReservation = (): Refusal =>
  new Refusal('ARTIFACT_NOT_FOUND', 'No such open reservation is known to this session.', {
    hint: 'It was settled or released before, or has expired: do not account for the same twice.',
  });

export const spendSettled: Kind<SpendSettled> = {
  ...asWritten(schema),
  // Not `by`: readers of a reservation's end must be able to see its beginning too.
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash, reservation_id, by, outcome, amounts, remaining }, { time }) {
    const [grant, settler] = [find(state, artifact_hash), find(state, by)];
    const open = state.reservations.get(reservation_id);
    if (!open || open.artifact !== artifact_hash) throw noReservation();
    if (!isWithin(settler, artifact_hash)) {
      throw new Refusal('PERMISSION_DENIED', 'Only the subtree that reserved may settle or release.');
    }
    // What was set aside before a suspension may still be accounted for.
    const over = ended(settler, time);
    if (over) throw haltedRefusal(settler, over);
    const spent = writtenAmounts(amounts);
    if (outcome === 'released' && spent.size > 0) throw new Refusal('INVALID_REQUEST', 'A release spends nothing.');
    refuseFalseLevels(remaining, levelsLeft(grant, restOf(open.money, spent)));
  },
  evolve(state, { reservation_id, amounts, request }, { sequence }) {
    const spent = movedBy(amounts);
    if (spent) state.endReservation(reservation_id, spent);
    if (request) state.remember(request.key, request.input, sequence);
  },
};
