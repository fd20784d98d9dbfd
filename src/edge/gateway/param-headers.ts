/**
 * Arguments that an upstream of 2026-07-28 wants to see in the headers of a request as well (Streamable HTTP, "Custom
 * headers from tool parameters"): a property of its `inputSchema` says so with `x-mcp-header`, and what stands between us
 * and the server may then route by it. A server refuses a call whose header and argument differ, or where one is missing.
 */
import type { Json } from '../../base/canonical.ts';
import { isList, isObject, type JsonObject } from './pointer.ts';

export interface HeaderParam {
  readonly header: string;
  /** Names of members, from the arguments inwards. */
  readonly path: readonly string[];
}

const MARK = 'x-mcp-header';
const PREFIX = 'Mcp-Param-';
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const TYPES: ReadonlySet<Json | undefined> = new Set(['string', 'integer', 'boolean']);

/** `undefined` for a schema that marks what must not be marked: its tool cannot be called as its server wants it. */
export function headerParams(inputSchema: JsonObject): readonly HeaderParam[] | undefined {
  const found: HeaderParam[] = [];
  const reachable = new Set<JsonObject>();
  const collect = (schema: JsonObject, path: readonly string[]): void => {
    reachable.add(schema);
    const { [MARK]: header, properties } = schema;
    if (typeof header === 'string' && path.length > 0) found.push({ header, path });
    if (!isObject(properties)) return;
    for (const [name, member] of Object.entries(properties)) if (isObject(member)) collect(member, [...path, name]);
  };
  collect(inputSchema, []);
  const marked = objectsWithin(inputSchema).filter((schema) => Object.hasOwn(schema, MARK));
  const sound =
    marked.every((schema) => schema !== inputSchema && reachable.has(schema) && TYPES.has(schema.type)) &&
    found.length === marked.length &&
    found.every(({ header }) => TOKEN.test(header)) &&
    new Set(found.map(({ header }) => header.toLowerCase())).size === found.length;
  return sound ? found : undefined;
}

/** What stands in places that hold values and not schemas is no mark. */
const VALUES = new Set(['default', 'const', 'enum', 'examples']);

function objectsWithin(value: Json): readonly JsonObject[] {
  if (isList(value)) return value.flatMap(objectsWithin);
  if (!isObject(value)) return [];
  const members = Object.entries(value).flatMap(([name, member]) => {
    // A property may be called like a keyword.
    if (name === 'properties' && isObject(member)) return Object.values(member).flatMap(objectsWithin);
    return VALUES.has(name) ? [] : objectsWithin(member);
  });
  return [value, ...members];
}

/** The headers of one call. A value that is absent, null or not simple has none. */
export function paramHeaders(params: readonly HeaderParam[], given: JsonObject | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of params) {
    const value = path.reduce<Json | undefined>(memberOf, given);
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)) {
      headers[PREFIX + header] = fieldValue(String(value));
    }
  }
  return headers;
}

const memberOf = (value: Json | undefined, name: string): Json | undefined =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** As it stands where a header can hold it, else in base64 between marks that say so. */
function fieldValue(text: string): string {
  const plain = /^[!-~](?:[\t -~]*[!-~])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text);
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
