/** A list of an upstream, whole: its pages one after another, as long as they come to an end. */
import type { Json } from '../../base/canonical.ts';
import { isList, isObject, type JsonObject } from './pointer.ts';
import { isShallow } from './result.ts';

const MAX_PAGES = 64;
const MAX_ITEMS = 10_000;

export interface Paging {
  /** Asks for one page. */
  readonly ask: (params: JsonObject) => Promise<JsonObject>;
  /** Where the items of a page stand. */
  readonly member: string;
  readonly failed: (why: string) => Error;
}

export async function allPages({ ask, member, failed }: Paging): Promise<readonly JsonObject[]> {
  const items: JsonObject[] = [];
  let cursor: Json | undefined;
  for (let page = 0; page < MAX_PAGES && items.length <= MAX_ITEMS; page++) {
    const result = await ask(cursor === undefined ? {} : { cursor });
    const listed = result[member];
    if (!isList(listed) || !isShallow(result)) throw failed(`sent a malformed list of ${member}`);
    if (listed.length > MAX_ITEMS) throw failed(`lists more than ${MAX_ITEMS} ${member}`);
    items.push(...listed.filter(isObject));
    cursor = result.nextCursor;
    if (typeof cursor !== 'string') return items;
  }
  throw failed(`has no end of ${member}`);
}
