/**
 * Places in the arguments of a call: a JSON pointer (RFC 6901) in which `*` stands for every item of a list.
 *
 * A list is entered by `*` only, so that no item of it can be left out by counting.
 */
import type { Json } from '../../base/canonical.ts';

export const EACH = Symbol('every item');
export type Place = readonly (string | typeof EACH)[];
export type JsonObject = { readonly [name: string]: Json };

const MAX_STEPS = 16;

/** Why a text is no pointer; `undefined` for a good one. */
export function pointerFault(text: string): string | undefined {
  if (!text.startsWith('/')) return 'does not begin with "/"';
  if (/~(?![01])/.test(text)) return 'holds "~" without 0 or 1 behind it';
  return text.split('/').length - 1 > MAX_STEPS ? `has more than ${MAX_STEPS} steps` : undefined;
}

export function parsePointer(text: string): Place {
  return text
    .slice(1)
    .split('/')
    .map((token) => (token === '*' ? EACH : token.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** What a place holds: its texts, or where something else stands in the way. */
export type Found = { readonly texts: readonly string[] } | { readonly missing: string } | { readonly noText: string };

export function textsAt(value: Json | undefined, place: Place, where = ''): Found {
  const [step, ...rest] = place;
  if (value === undefined) return { missing: where };
  if (step === undefined) return typeof value === 'string' ? { texts: [value] } : { noText: where };
  if (step !== EACH) {
    const inside = where === '' ? step : `${where}/${step}`;
    return isObject(value) ? textsAt(memberOf(value, step), rest, inside) : { noText: where };
  }
  if (!isList(value)) return { noText: where };
  const texts: string[] = [];
  for (const [i, item] of value.entries()) {
    const found = textsAt(item, rest, `${where}/${i}`);
    if (!('texts' in found)) return found;
    for (const text of found.texts) texts.push(text);
  }
  return { texts };
}

/** A copy with every text at that place replaced; the same object where nothing changes. */
export function replaceTexts<V extends Json>(value: V, place: Place, replace: (text: string) => string): V {
  // A cast: what is put in place of a value has its shape.
  return replaced(value, place, replace) as V;
}

function replaced(value: Json, place: Place, replace: (text: string) => string): Json {
  const [step, ...rest] = place;
  if (step === undefined) return typeof value === 'string' ? replace(value) : value;
  if (step === EACH) {
    if (!isList(value)) return value;
    const items = value.map((item) => replaced(item, rest, replace));
    return items.every((item, i) => item === value[i]) ? value : items;
  }
  const member = isObject(value) ? memberOf(value, step) : undefined;
  if (!isObject(value) || member === undefined) return value;
  const other = replaced(member, rest, replace);
  return other === member ? value : { ...value, [step]: other };
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `Array.isArray` does not narrow a readonly array. */
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const memberOf = (value: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(value, name) ? value[name] : undefined;
