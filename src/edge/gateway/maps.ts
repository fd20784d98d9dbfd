/**
 * What a call touches, by the map of its upstream: which files it reads or writes, which URLs it fetches.
 *
 * Default deny, at each step: a tool that the map does not name, an argument that neither the map nor the tool's own
 * schema names, a mapped argument that is missing or no text. Otherwise a path under another key, in a list or inside an
 * object would pass unseen.
 */
import { Refusal } from '../../base/refusal.ts';
import type { Act } from '../../scope/scope.ts';
import type { MapsConfig } from './config.ts';
import { isObject, type JsonObject, type Place, parsePointer, replaceTexts, textsAt } from './pointer.ts';
import { type ServerMap, SHIPPED, type Touch, type Touches } from './shipped-maps.ts';

export interface Touched {
  readonly place: Place;
  readonly pointer: string;
  readonly how: readonly Touch[];
}

/** Paths and URLs of one call: every scope of a lineage is asked about each, while other calls wait. */
export const MAX_TOUCHED = 1_000;

/** What one tool touches; empty if neither files nor URLs. */
export type ToolMap = readonly Touched[];
/** For one upstream: tool → what it touches. */
export type UpstreamMap = ReadonlyMap<string, ToolMap>;

/** `undefined`: no map binds this upstream. */
export function mapOf(maps: MapsConfig, server: string): UpstreamMap | undefined {
  const configured = Object.hasOwn(maps, server) ? maps[server] : undefined;
  const chosen = typeof configured === 'string' ? SHIPPED.get(configured) : (configured as ServerMap | undefined);
  if (configured !== undefined && chosen === undefined) throw new TypeError(`no shipped map ${String(configured)}`);
  return chosen && new Map(Object.entries(chosen).map(([tool, touches]) => [tool, toolMap(touches)]));
}

function toolMap(touches: Touches): ToolMap {
  return Object.entries(touches).map(([pointer, how]) => ({
    pointer,
    place: parsePointer(pointer),
    how: typeof how === 'string' ? [how] : how,
  }));
}

/** Throws `PERMISSION_DENIED` or `INVALID_REQUEST`. `given` has its URLs already in WHATWG form. */
export function actsOf(
  map: UpstreamMap,
  tool: string,
  inputSchema: JsonObject,
  given: JsonObject | undefined,
): readonly Act[] {
  const touched = touchedBy(map, tool);
  const args = given ?? {};
  refuseUnnamed(tool, touched, inputSchema, args);
  return actsAt(touched, tool, args);
}

/**
 * What a call would touch, for questions about it, where no upstream is started to tell its schema. `resource` is
 * `<server>/<tool>`; empty where no map binds the server. Throws as `actsOf`.
 */
export function actsAsked(maps: MapsConfig): (resource: string, given: JsonObject) => readonly Act[] {
  const bound = new Map(Object.keys(maps).map((server) => [server, mapOf(maps, server)]));
  return (resource, given) => {
    const end = resource.indexOf('/');
    const [map, tool] = [bound.get(resource.slice(0, end)), resource.slice(end + 1)];
    return map ? actsAt(touchedBy(map, tool), tool, withParsedUrls(given, urlPlaces(map, tool)) ?? {}) : [];
  };
}

function touchedBy(map: UpstreamMap, tool: string): ToolMap {
  const touched = map.get(tool);
  if (touched) return touched;
  throw new Refusal('PERMISSION_DENIED', `The map of this upstream does not say what ${quoted(tool)} touches.`, {
    hint: 'The operator can name the tool in "maps" of the configuration; {} is a tool that touches neither files nor URLs.',
  });
}

function actsAt(touched: ToolMap, tool: string, args: JsonObject): readonly Act[] {
  const acts = touched.flatMap(({ place, pointer, how }) => {
    const found = textsAt(args, place);
    if ('missing' in found) throw shapeless(tool, pointer, 'is missing');
    if ('noText' in found)
      throw shapeless(tool, pointer, pointer.includes('*') ? 'is not a list of texts' : 'is not text');
    return [...new Set(found.texts)].flatMap((resource) => how.map((capability) => ({ capability, resource })));
  });
  const touching = new Set(acts.map(({ resource }) => resource)).size;
  if (touching <= MAX_TOUCHED) return acts;
  throw new Refusal(
    'INVALID_REQUEST',
    `The call names ${touching} paths and URLs; one call may name ${MAX_TOUCHED}. Split it into several.`,
  );
}

function refuseUnnamed(tool: string, touched: ToolMap, inputSchema: JsonObject, args: JsonObject): void {
  const properties = isObject(inputSchema.properties) ? inputSchema.properties : {};
  const mapped = new Set(touched.map(({ place }) => place[0]));
  const stray = Object.keys(args).find((name) => !mapped.has(name) && !Object.hasOwn(properties, name));
  if (stray === undefined) return;
  const known = Object.keys(properties).slice(0, 32).join(', ');
  throw new Refusal('INVALID_REQUEST', `${quoted(tool)} has no argument ${quoted(stray)}; it has ${known || 'none'}.`);
}

/** Places that hold URLs, by the map. */
export const urlPlaces = (map: UpstreamMap | undefined, tool: string): readonly Place[] =>
  (map?.get(tool) ?? []).filter(({ how }) => how.includes('net.fetch')).map(({ place }) => place);

/** The arguments with every URL as the WHATWG parser writes it, which is how it will be fetched; what is none stays. */
export function withParsedUrls(given: JsonObject | undefined, places: readonly Place[]): JsonObject | undefined {
  if (given === undefined) return undefined;
  return places.reduce((args, place) => replaceTexts(args, place, (text) => URL.parse(text)?.href ?? text), given);
}

const shapeless = (tool: string, pointer: string, what: string): Refusal =>
  new Refusal('INVALID_REQUEST', `The argument ${quoted(pointer)} of ${quoted(tool)} ${what}.`);
const quoted = (text: string): string => JSON.stringify(text.slice(0, 128));
