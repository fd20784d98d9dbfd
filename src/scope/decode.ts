/** Decoding of scopes: from parsed JSON to typed values, naming the member that is wrong. */
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';

export interface Members {
  readonly [name: string]: unknown;
}

export const invalid = (message: string): Refusal => new Refusal('INVALID_REQUEST', message);

export function membersOf(value: unknown, owner: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${owner} must be an object`);
  // A cast, because the type of a decoded object's members is what the caller is about to find out.
  return value as Members;
}

export function listOf(value: unknown, owner: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${owner} must be a list`);
  if (value.length > most) throw invalid(`${owner} has ${value.length} items; at most ${most} are allowed`);
  return value;
}

export function textsOf(value: unknown, owner: string, most: number): readonly string[] {
  return listOf(value, owner, most).map((item) => {
    if (typeof item !== 'string') throw invalid(`${owner} must hold texts only`);
    return item;
  });
}

/** The members named, all of them when `every`, and no other. */
export function onlyMembers(value: unknown, owner: string, names: readonly string[], every: boolean): Members {
  const members = membersOf(value, owner);
  for (const name of Object.keys(members)) {
    if (!names.includes(name))
      throw invalid(`${owner} has an unknown member ${JSON.stringify(name)}; known: ${names.join(', ')}`);
  }
  const missing = every ? names.find((name) => !Object.hasOwn(members, name)) : undefined;
  if (missing) throw invalid(`${owner} lacks the member ${missing}`);
  return members;
}

/** Numbers in signed shapes are safe integers only; everything else of JSON is. */
export function signable(value: unknown, owner: string): Json {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw invalid(`${owner} holds the number ${value}; numbers in a signed scope are integers within ±(2^53 − 1)`);
  }
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) signable(member, owner);
  }
  if (typeof value === 'undefined') throw invalid(`${owner} lacks its value`);
  // A cast: what came out of a JSON parser is JSON.
  return value as Json;
}
