/** Comparing JSON values as JSON: by what they are, not by how they are written. */
import { canonicalize, type Json } from '../base/canonical.ts';

export function typeOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

export function same(a: Json, b: Json): boolean {
  if (typeOf(a) !== typeOf(b)) return false;
  return typeof a === 'object' && a !== null ? canonicalize(a) === canonicalize(b) : a === b;
}

/** An exact decimal: `units` × 10^-`scale`. */
interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/**
 * A JSON number as the decimal that RFC 8785 writes for it: 0.1 is one tenth, as its sender wrote it, although the binary
 * number behind it is a little more. `undefined` for a text that is no decimal.
 */
export function decimalOf(value: number | string): Decimal | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] = DECIMAL.exec(String(value)) ?? [];
  if (whole === undefined) return undefined;
  const units = BigInt(`${sign}${whole}${fraction}`);
  const scale = fraction.length - Number(exponent);
  return scale < 0 ? { units: units * 10n ** BigInt(-scale), scale: 0 } : { units, scale };
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const [x, y] = [a, b].map(({ units, scale: own }) => units * 10n ** BigInt(scale - own));
  return x! < y! ? -1 : x! > y! ? 1 : 0;
}
