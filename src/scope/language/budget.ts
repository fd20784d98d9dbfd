/**
 * Amounts of money: `USD:5.00`, exact decimals, never a float.
 *
 * A list is a cap for each currency it names and permits nothing of any other. A resource is one amount.
 */
import { Refusal } from '../../base/refusal.ts';
import { type Language, MAX_PATTERNS, normal } from './language.ts';
import { quoted } from './text.ts';

/** `units` × 10^-`scale` of `currency`. */
export interface Amount {
  readonly currency: string;
  readonly units: bigint;
  readonly scale: number;
}

const SHAPE = /^([A-Z]{3,8}):(0|[1-9]\d{0,29})(?:\.(\d{1,18}))?$/;
const WORDS =
  'an amount is "CUR:digits" or "CUR:digits.digits", for example "USD:5.00": 3 to 8 capitals, at most 30 digits without a leading zero, at most 18 behind the point';

/** `undefined` for what is no amount: signs, exponents, leading zeros, spaces, more than 30 + 18 digits. */
export function parseAmount(text: string): Amount | undefined {
  const [, currency, whole, fraction = ''] = SHAPE.exec(text) ?? [];
  if (currency === undefined || whole === undefined) return undefined;
  return { currency, units: BigInt(whole + fraction), scale: fraction.length };
}

/** Without trailing zeros. */
export function formatAmount({ currency, units, scale }: Amount): string {
  const sign = units < 0n ? '-' : '';
  const digits = `${units < 0n ? -units : units}`.padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${currency}:${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Negative, zero or positive, like `a - b`. Of one currency; two are our own error. */
function compareAmounts(a: Amount, b: Amount): number {
  const { units } = subtractAmounts(a, b);
  return units < 0n ? -1 : units > 0n ? 1 : 0;
}

const addAmounts = (a: Amount, b: Amount): Amount => combine(a, b, (x, y) => x + y);
/** May be negative: a debt is for the caller to refuse. */
const subtractAmounts = (a: Amount, b: Amount): Amount => combine(a, b, (x, y) => x - y);

function combine(a: Amount, b: Amount, how: (x: bigint, y: bigint) => bigint): Amount {
  if (a.currency !== b.currency) throw new TypeError('amounts of two currencies');
  const scale = Math.max(a.scale, b.scale);
  return { currency: a.currency, units: how(at(a, scale), at(b, scale)), scale };
}

const at = ({ units, scale }: Amount, wanted: number): bigint => units * 10n ** BigInt(wanted - scale);

function known(text: string): Amount {
  const amount = parseAmount(text);
  if (!amount) throw new TypeError('an unparsed amount');
  return amount;
}

const caps = (list: readonly string[]): ReadonlyMap<string, Amount> =>
  new Map(list.map(known).map((amount) => [amount.currency, amount]));

const smaller = (a: Amount, b: Amount): Amount => (compareAmounts(a, b) <= 0 ? a : b);

/** The smaller cap of every currency that both name. */
function meet(a: readonly string[], b: readonly string[]): readonly string[] {
  const others = caps(b);
  return normal(
    a.map(known).flatMap((amount) => {
      const other = others.get(amount.currency);
      return other ? [formatAmount(smaller(amount, other))] : [];
    }),
  );
}

export const budget: Language = {
  parse(patterns, owner) {
    if (patterns.length > MAX_PATTERNS) {
      throw new Refusal(
        'INVALID_REQUEST',
        `${owner} has ${patterns.length} amounts; at most ${MAX_PATTERNS} are allowed`,
      );
    }
    const sums = new Map<string, Amount>();
    for (const pattern of patterns) {
      const amount = parseAmount(pattern);
      if (!amount) throw new Refusal('INVALID_REQUEST', `${owner}: ${quoted(pattern)} is not an amount; ${WORDS}`);
      const before = sums.get(amount.currency);
      sums.set(amount.currency, before ? addAmounts(before, amount) : amount);
    }
    const totals = Array.from(sums.values(), formatAmount);
    const unwritable = totals.find((total) => !parseAmount(total));
    if (unwritable) throw new Refusal('INVALID_REQUEST', `${owner}: ${unwritable} in total is too much`);
    return normal(totals);
  },
  refuses(list, resource) {
    const amount = parseAmount(resource);
    if (!amount) return { malformed: true, why: `is not an amount; ${WORDS}` };
    const cap = caps(list).get(amount.currency);
    if (!cap) return { malformed: false, why: `is in a currency without a budget` };
    return compareAmounts(amount, cap) <= 0
      ? undefined
      : { malformed: false, why: `is more than ${formatAmount(cap)}` };
  },
  excess(child, parent) {
    const above = caps(parent);
    return child
      .filter((text) => {
        const amount = known(text);
        const cap = above.get(amount.currency);
        return !cap || compareAmounts(amount, cap) > 0;
      })
      .map((pattern) => ({ pattern }));
  },
  meet,
  nearest: meet,
};
