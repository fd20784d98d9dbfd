/** What calls of upstream tools cost, from the configuration's table: held before a call, settled after it. */
import type { Money } from '../../authority/budget.ts';
import { readAmounts } from '../../authority/event/spend-reserved.ts';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import type { ToolResult } from '../mcp/session.ts';

export interface Price {
  /** Held before the call: what is left, but not more than `most` and not less than `least`. */
  readonly least: Money;
  readonly most: Money;
  /** What a call has cost that was answered; null where the answer does not say, and everything held is taken. */
  cost(result: ToolResult): Money | null;
}

export type PricesConfig = {
  readonly [tool: string]:
    | { readonly per_call: string }
    | { readonly per_kib: string }
    | { readonly result: string; readonly currency: string; readonly reserve: string };
};

/** Kibibytes that are held for a call which is paid by its size, where so much is left. */
const HELD_KIB = 64n;

/** `<server>/<tool>` → price; undefined for what costs nothing. Throws `INVALID_REQUEST` naming the tool. */
export function pricesOf(config: PricesConfig): (tool: string) => Price | undefined {
  const prices = new Map(Object.entries(config).map(([tool, entry]) => [tool, priceOf(tool, entry)]));
  return (tool) => prices.get(tool);
}

function priceOf(tool: string, entry: PricesConfig[string]): Price {
  if ('per_call' in entry) {
    const money = amount(tool, entry.per_call);
    return { least: money, most: money, cost: () => money };
  }
  if ('per_kib' in entry) {
    const money = amount(tool, entry.per_kib);
    return { least: money, most: times(money, HELD_KIB), cost: (result) => times(money, kibibytes(result)) };
  }
  const { result: pointer, currency } = entry;
  const money = amount(tool, entry.reserve);
  return { least: money, most: money, cost: (result) => costIn(result, pointer, currency) };
}

function amount(tool: string, text: string): Money {
  try {
    return readAmounts([text]);
  } catch (error) {
    throw new Refusal('INVALID_REQUEST', `prices.${tool}: ${Refusal.from(error).message}`);
  }
}

const times = (money: Money, factor: bigint): Money =>
  new Map([...money].map(([currency, units]) => [currency, units * factor]));

/** Of what is handed on; a begun one is paid in full. */
function kibibytes({ content, structuredContent }: ToolResult): bigint {
  const bytes = Buffer.byteLength(JSON.stringify(structuredContent ?? content));
  return BigInt(Math.max(1, Math.ceil(bytes / 1024)));
}

/** The number at a JSON pointer (RFC 6901) of the structured answer, of a text that is JSON, or of the result around them. */
function costIn(result: ToolResult, pointer: string, currency: string): Money | null {
  const { content, structuredContent } = result;
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const at = [structuredContent ?? firstText(content), result as unknown as Json] // a cast: it came as JSON
    .map((place) => steps.reduce<Json | undefined>(member, place))
    .find((found) => found !== undefined);
  const text = typeof at === 'number' ? decimal(at) : at;
  if (typeof text !== 'string') return null;
  try {
    return readAmounts([`${currency}:${text}`]);
  } catch {
    return null;
  }
}

function member(value: Json | undefined, step: string): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, step) ? (value as { readonly [name: string]: Json })[step] : undefined; // a list has its indexes as names
}

function firstText(content: ToolResult['content']): Json | undefined {
  const text = content.find(({ type }) => type === 'text')?.text;
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The shortest decimal that reads back as this number, without an exponent: most likely what was written. */
function decimal(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  if (shift < 0) return `0.${'0'.repeat(-shift - 1)}${whole}${fraction}`;
  return whole + fraction.padEnd(shift, '0');
}
