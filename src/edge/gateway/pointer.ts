/**
 * Places in the arguments of a call: a JSON pointer (RFC 6901) in which `*` stands for every item of a list.
 *
 * The pointer of a map enters a list by `*` only, so that no item of it can be left out by counting. That of an argument
 * rule names single items too: what no rule names is refused.
 */
import type { Json } from '../../base/canonical.ts';

export const EACH = Symbol('every item');
/** One step of a rule's pointer: a member of an object, or an item of a list. */
export interface Inside {
  readonly token: string;
}
export type Place = readonly (string | Inside | typeof EACH)[];
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
    const token = tokenOf(step);
    const inside = where === '' ? token : `${where}/${token}`;
    return isEntered(value, step) ? textsAt(memberOf(value, token), rest, inside) : { noText: where };
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
  const token = tokenOf(step);
  const member = isEntered(value, step) ? memberOf(value, token) : undefined;
  if (member === undefined) return value;
  const other = replaced(member, rest, replace);
  if (other === member) return value;
  return isList(value) ? value.with(Number(token), other) : { ...(value as JsonObject), [token]: other }; // entered: one of the two
}

const tokenOf = (step: string | Inside): string => (typeof step === 'string' ? step : step.token);

const isEntered = (value: Json, step: string | Inside): boolean =>
  isObject(value) || (typeof step !== 'string' && isList(value));

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `Array.isArray` does not narrow a readonly array. */
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** A cast: own members of parsed JSON are JSON. The own `length` of a list is not one of its items. */
function memberOf(value: Json, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return isList(value) && name === 'length' ? undefined : (value as JsonObject)[name];
}
