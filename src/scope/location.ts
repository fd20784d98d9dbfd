/**
 * Where in the arguments of a call a rule stands: the name of an argument, or, when it begins with `/`, a JSON pointer
 * (RFC 6901). The world is closed: of an object or list that rules only point into, every other member is refused.
 */
import type { Json } from '../base/canonical.ts';
import { invalid } from './decode.ts';
import type { Judge, No } from './kind.ts';

export type Location = readonly string[];

const MAX_DEPTH = 16;

export function parseLocation(key: string, owner: string): Location {
  if (!key.startsWith('/')) return [key];
  if (/~(?![01])/.test(key)) throw invalid(`${owner}: ${JSON.stringify(key)} is not a JSON pointer (RFC 6901)`);
  const tokens = key.slice(1).split('/');
  if (tokens.length > MAX_DEPTH) throw invalid(`${owner}: the pointer ${JSON.stringify(key)} is too deep`);
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Rules by location, as a tree. */
export class Places {
  private readonly judges: Judge[] = [];
  private readonly members = new Map<string, Places>();
  private required = false;

  add(location: Location, judge: Judge, required: boolean): void {
    let place: Places = this;
    for (const token of location) {
      const next = place.members.get(token) ?? new Places();
      place.members.set(token, next);
      place = next;
    }
    place.judges.push(judge);
    place.required ||= required;
  }

  /** Why these arguments are refused; `where` names the value in question. */
  refuses(value: Json | undefined, where: string): (No & { where: string; value: Json | undefined }) | undefined {
    if (value === undefined) return this.missing(where);
    for (const judge of this.judges) {
      const no = judge(value);
      if (no) return { ...no, where, value };
    }
    if (this.members.size === 0 && this.judges.length > 0) return undefined;
    if (typeof value !== 'object' || value === null) {
      return { malformed: true, why: 'must be an object or a list', where, value };
    }
    return this.unnamed(value, where) ?? this.ofMembers(value, where);
  }

  private missing(where: string): ReturnType<Places['refuses']> {
    if (this.required) return { malformed: true, why: 'is missing', where, value: undefined };
    for (const [token, place] of this.members) {
      const no = place.missing(inside(where, token));
      if (no) return no;
    }
    return undefined;
  }

  /** Where a rule judges the value as a whole, all its members are named. */
  private unnamed(value: object, where: string): ReturnType<Places['refuses']> {
    if (this.judges.length > 0) return undefined;
    const name = Object.keys(value).find((token) => !this.members.has(token));
    return name === undefined
      ? undefined
      : { malformed: true, why: 'is named by no rule', where: inside(where, name), value: memberOf(value, name) };
  }

  private ofMembers(value: object, where: string): ReturnType<Places['refuses']> {
    for (const [token, place] of this.members) {
      const no = place.refuses(memberOf(value, token), inside(where, token));
      if (no) return no;
    }
    return undefined;
  }
}

const inside = (where: string, token: string): string => (where === '' ? token : `${where}/${token}`);

/** A cast: own members of parsed JSON are JSON. The own `length` of a list is not one of its items. */
function memberOf(value: object, token: string): Json | undefined {
  if (!Object.hasOwn(value, token) || (Array.isArray(value) && token === 'length')) return undefined;
  return (value as { readonly [name: string]: Json })[token];
}
