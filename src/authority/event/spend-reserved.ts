/** An amount is set aside for one artifact, at every level it draws on, before it is spent. */
import * as z from 'zod';
import { canonicalize } from '../../base/canonical.ts';
import { formatInstant, parseInstant } from '../../base/instant.ts';
import { Refusal } from '../../base/refusal.ts';
import { budget } from '../../scope/language/budget.ts';
import { amountsOf, hold, type Level, levelsLeft, type Money, moneyOf, overBudget } from '../budget.ts';
import { asWritten, hash, request } from '../decode.ts';
import { find, refuseHalted } from '../find.ts';
import { type Grant, introduced, lineage } from '../grant.ts';
import type { Kind, RequestDigest } from '../kind.ts';

/** A reservation that nobody ends is released after this time, in milliseconds; sooner where a lineage ends. */
export const RESERVED_FOR = 15 * 60_000;

const amounts = z.array(z.string().max(64)).max(32);
export const levels = z.array(z.strictObject({ artifact_hash: hash, depth: z.int(), amounts }));
export const reservationId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);

/**
 * The id of what the gateway holds for a call, made of the nonce that another reservation would have as its id: 16 bytes
 * leave the last four bits of their last character zero (RFC 4648, section 3.5), and here one of them is set.
 */
export const heldForCall = (nonce: string): string =>
  nonce.slice(0, -1) + String.fromCharCode(nonce.charCodeAt(21) + 1);

/** Only the gateway may end it: otherwise the caller could release it, and get the call for nothing. */
export const isHeldForCall = (id: string): boolean => /[BRhx]$/.test(id);

const schema = z.strictObject({
  kind: z.literal('SPEND_RESERVED'),
  artifact_hash: hash,
  reservation_id: reservationId,
  amounts,
  /** UTC; the reservation is released then by itself. */
  expires_at: z.string().refine((text) => parseInstant(text) !== undefined),
  /** What every level of the lineage has left after it, root first. */
  remaining: levels,
  request,
});
export type SpendReserved = z.infer<typeof schema>;

/** Amounts as they are written: sorted, exact, one of each currency. Throws `INVALID_REQUEST`. */
export function readAmounts(texts: readonly string[]): Money {
  return moneyOf(budget.parse(texts, 'amounts'));
}

/** The same, of an event, which writes them in normal form. */
export function writtenAmounts(texts: readonly string[]): Money {
  const money = readAmounts(texts);
  if (canonicalize(amountsOf(money)) === canonicalize(texts)) return money;
  throw new Refusal('INVALID_REQUEST', 'Amounts are written sorted, one of each currency, without trailing zeros.');
}

/** What an event moves, lawful or not; nothing where its amounts cannot be read. */
export function movedBy(texts: readonly string[]): Money | undefined {
  try {
    return readAmounts(texts);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** `PERMISSION_DENIED` or `BUDGET_EXHAUSTED` where the lineage cannot spend this now; else undefined. */
export function overBudgetRefusal(grant: Grant, money: Money): Refusal | undefined {
  const no = overBudget(grant, money);
  if (!no) return undefined;
  const detail = { refused_by: introduced(no.by), remaining: levelsLeft(grant, new Map()) };
  return new Refusal(no.code, no.message, { detail });
}

/** Throws it. */
export function refuseOverBudget(grant: Grant, money: Money): void {
  const refusal = overBudgetRefusal(grant, money);
  if (refusal) throw refusal;
}

/**
 * An event says what is left so that a repeated request is answered as the first was. It never says more than there is;
 * a reader of one part of the chain does not know what was spent elsewhere, so it may be less.
 */
export function refuseFalseLevels(said: readonly Level[], known: readonly Level[]): void {
  const fits = ({ artifact_hash, depth, amounts }: Level, at: number): boolean => {
    const level = known[at]!;
    const [told, left] = [writtenAmounts(amounts), moneyOf(level.amounts)];
    return (
      artifact_hash === level.artifact_hash &&
      depth === level.depth &&
      told.size === left.size &&
      [...told].every(([currency, units]) => units <= (left.get(currency) ?? -1n))
    );
  };
  if (said.length === known.length && said.every(fits)) return;
  throw new Refusal('INVALID_REQUEST', 'remaining is not what the lineage has left.');
}

const negative = (money: Money): Money => new Map([...money].map(([currency, units]) => [currency, -units]));

/** When a reservation made at `time` is released at the latest. */
const releaseTime = (grant: Grant, time: number): number =>
  Math.min(time + RESERVED_FOR, ...lineage(grant).map(({ expires }) => expires));

/** The event that holds `money` for `grant`, which can spend it at `time`. */
export const proposeReservation = (
  grant: Grant,
  money: Money,
  id: string,
  time: number,
  request: RequestDigest | null,
): SpendReserved => ({
  kind: 'SPEND_RESERVED',
  artifact_hash: grant.hash,
  reservation_id: id,
  amounts: amountsOf(money),
  expires_at: formatInstant(releaseTime(grant, time)),
  remaining: writable(levelsLeft(grant, negative(money))),
  request,
});

/** Only the types of levels are readonly. */
export const writable = (levels: readonly Level[]): SpendReserved['remaining'] =>
  levels.map((level) => ({ ...level, amounts: [...level.amounts] }));

export const spendReserved: Kind<SpendReserved> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash, reservation_id, amounts, expires_at, remaining }, { time }) {
    const grant = find(state, artifact_hash);
    refuseHalted(grant, time);
    const money = writtenAmounts(amounts);
    if (![...money.values()].some((units) => units > 0n)) {
      throw new Refusal('INVALID_REQUEST', 'A reservation is of more than nothing.');
    }
    refuseOverBudget(grant, money);
    if (state.reservations.has(reservation_id)) throw new Refusal('INVALID_REQUEST', 'The reservation_id is taken.');
    if (expires_at !== formatInstant(releaseTime(grant, time))) {
      throw new Refusal('INVALID_REQUEST', 'expires_at is not when this reservation is released.');
    }
    refuseFalseLevels(remaining, levelsLeft(grant, negative(money)));
  },
  evolve(state, { artifact_hash, reservation_id, amounts, expires_at, request }, { sequence }) {
    const grant = state.grants.get(artifact_hash);
    const money = movedBy(amounts);
    if (grant && money) {
      hold(grant, money);
      state.reserve({ id: reservation_id, artifact: artifact_hash, money, expires: parseInstant(expires_at)! });
    }
    if (request) state.remember(request.key, request.input, sequence);
  },
};
