/**
 * The ledger of budgets: what each subtree has spent, and what is held for it and not yet spent.
 *
 * A reservation is held at its artifact and at every ancestor up to the nearest slice. A slice is itself such a
 * reservation, made from its parent when it was delegated and held for its life: what is spent within it turns, level by
 * level up to the root, from held into spent, and what is left goes back when it ends. So for each artifact with a cap,
 * at every instant, spent + held <= cap.
 */
import type { Code } from '../base/refusal.ts';
import { formatAmount, parseAmount } from '../scope/language/budget.ts';
import type { Scope } from '../scope/scope.ts';
import { type Account, type Grant, lineage } from './grant.ts';

/** Currency → units of 10^-18. */
export type Money = ReadonlyMap<string, bigint>;

/** The capability that caps live under. */
export const BUDGET = 'cost.budget';
/** Decimal places of every account; an amount has no more. */
const PLACES = 18;

/** The amounts of a list in normal form. */
export function moneyOf(amounts: readonly string[]): Money {
  return new Map(
    amounts.map((text) => {
      const amount = parseAmount(text);
      if (!amount) throw new TypeError('an amount that nobody parsed');
      return [amount.currency, amount.units * 10n ** BigInt(PLACES - amount.scale)];
    }),
  );
}

/** In normal form: sorted by currency, without trailing zeros. A zero is written. */
export function amountsOf(money: Money): string[] {
  return [...money].map(([currency, units]) => formatAmount({ currency, units, scale: PLACES })).sort();
}

const newAccount = (): Account => ({ spent: new Map(), held: new Map(), closed: false });

const NOTHING: Money = new Map();
/** By scope, which equal artifacts share. */
const caps = new WeakMap<Scope, Money>();

/** The cap that an artifact names itself; null where it names none and its ancestors' hold. A slice has what it names. */
function capOf({ scope, sliced }: Grant): Money | null {
  const list = scope.permissions[BUDGET];
  if (list === undefined) return sliced ? NOTHING : null;
  const known = caps.get(scope) ?? moneyOf(list);
  caps.set(scope, known);
  return known;
}

/** The artifact and the ancestors on whose caps its spending draws: up to the nearest slice, which was set aside above. */
function* drawnOn(grant: Grant): Generator<Grant> {
  for (let at: Grant | null = grant; at; at = at.parent) {
    yield at;
    if (at.sliced) return;
  }
}

const of = (map: Money | undefined, currency: string): bigint => map?.get(currency) ?? 0n;

function add(map: Map<string, bigint>, money: Money, sign: 1n | -1n): void {
  for (const [currency, units] of money) map.set(currency, of(map, currency) + sign * units);
}

/** What an artifact could still reserve: the least that any level has which it draws on. Empty without a budget. */
export function budgetLeft(grant: Grant): Money {
  const cap = lineage(grant)
    .map(capOf)
    .findLast((each) => each !== null);
  const left = new Map<string, bigint>();
  for (const currency of cap?.keys() ?? []) {
    let least: bigint | undefined;
    for (const each of drawnOn(grant)) {
      const rest = restAt(each, currency);
      if (rest !== undefined && (least === undefined || rest < least)) least = rest;
    }
    left.set(currency, least !== undefined && least > 0n ? least : 0n);
  }
  return left;
}

/** What one level has left by itself; undefined where it names no cap. */
function restAt(grant: Grant, currency: string): bigint | undefined {
  const cap = capOf(grant);
  return cap === null
    ? undefined
    : of(cap, currency) - of(grant.account?.spent, currency) - of(grant.account?.held, currency);
}

/** What is left at one level of a lineage. */
export type Level = { readonly artifact_hash: string; readonly depth: number; readonly amounts: readonly string[] };

/** What every level of a lineage has left, root first, as if `change` came back to the levels that `grant` draws on. */
export function levelsLeft(grant: Grant, change: Money): Level[] {
  const drawn = new Set(drawnOn(grant));
  return lineage(grant).map((each) => {
    const left = new Map(budgetLeft(each));
    if (drawn.has(each)) for (const currency of left.keys()) add(left, new Map([[currency, of(change, currency)]]), 1n);
    return { artifact_hash: each.hash, depth: each.depth, amounts: amountsOf(left) };
  });
}

/** The smaller of two amounts of every currency of the first. */
export const smaller = (money: Money, other: Money): Money =>
  new Map([...money].map(([currency, units]) => [currency, least(units, of(other, currency))]));

/** `Math.min` takes no bigint. */
const least = (a: bigint, b: bigint): bigint => (a - b < 0n ? a : b);

export interface NoMoney {
  readonly code: Extract<Code, 'PERMISSION_DENIED' | 'BUDGET_EXHAUSTED'>;
  readonly message: string;
  /** The artifact nearest the root that says no. */
  readonly by: Grant;
}

/** Why a lineage cannot spend this now; null where it can. */
export function overBudget(grant: Grant, money: Money): NoMoney | null {
  const left = budgetLeft(grant);
  const foreign = [...money.keys()].find((currency) => !left.has(currency));
  if (foreign !== undefined) {
    const by = lineage(grant).find((each) => capOf(each)?.has(foreign) === false) ?? lineage(grant)[0]!;
    return { code: 'PERMISSION_DENIED', message: `${say(by)} has no budget in ${foreign}.`, by };
  }
  for (const by of [...drawnOn(grant)].reverse()) {
    for (const [currency, units] of money) {
      const rest = restAt(by, currency);
      if (rest === undefined || units <= rest) continue;
      const [asked, had] = [units, rest < 0n ? 0n : rest].map((each) => amountsOf(new Map([[currency, each]])));
      return { code: 'BUDGET_EXHAUSTED', message: `${say(by)} has ${had} left, and ${asked} was asked for.`, by };
    }
  }
  return null;
}

const say = ({ subject, depth }: Grant): string => `"${subject}" (depth ${depth})`;

/** Holds an amount at every level that `grant` draws on. */
export function hold(grant: Grant, money: Money): void {
  for (const at of drawnOn(grant)) {
    if (at.account?.closed) return;
    at.account ??= newAccount();
    add(at.account.held, money, 1n);
  }
}

/** Ends a reservation: `spent` of `held` is spent at every level up to the root, the rest is free again. */
export function settle(grant: Grant, held: Money, spent: Money): void {
  let freed = held;
  for (let at: Grant | null = grant; at; at = at.parent) {
    // What has ended holds nothing above any more.
    if (at.account?.closed) return;
    at.account ??= newAccount();
    add(at.account.held, freed, -1n);
    add(at.account.spent, spent, 1n);
    if (at.sliced) freed = spent;
  }
}

/** Sets the slice of a new artifact aside. */
export function openSlice(grant: Grant): void {
  if (!grant.sliced) return;
  grant.account = newAccount();
  if (grant.parent) hold(grant.parent, capOf(grant) ?? NOTHING);
}

/** An artifact has ended: what it holds above goes back. In whatever order a subtree ends, the outcome is the same. */
export function closeAccount(grant: Grant): void {
  const { account, parent } = grant;
  if (!account || account.closed) return;
  account.closed = true;
  const rest = new Map(grant.sliced ? capOf(grant) : account.held);
  if (grant.sliced) add(rest, account.spent, -1n);
  if (!parent) return;
  for (const at of drawnOn(parent)) {
    if (at.account?.closed) return;
    if (at.account) add(at.account.held, rest, -1n);
  }
}
