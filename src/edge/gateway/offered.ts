/**
 * Prompts and resources of upstreams, where `mcp.prompt` (`<server>/<prompt>`) and `mcp.resource` (`<server>`) permit them.
 *
 * A prompt is listed as `<server>__<prompt>`. A resource keeps its URI: it belongs to the first permitted server, in the
 * order of the configuration, that lists it, else to the first that has a template for it; in shadow mode the others come
 * after these.
 */
import { sha256Hex } from '#digest';
import { canonicalize, type Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import type { Act, Scope } from '../../scope/scope.ts';
import type { Asking, ResourceResult } from '../mcp/session.ts';
import { artifactOf, asOfNow, type Decider, type Standing, type UpstreamAct, unprepared } from './decider.ts';
import type { Gateway, Server } from './gateway.ts';
import { inFlight, whileWanted } from './in-flight.ts';
import { actsOf, urlPlaces, withParsedUrls } from './maps.ts';
import { namesOf, resourceOf } from './naming.ts';
import type { JsonObject } from './pointer.ts';
import { resolvedActs } from './resolved.ts';
import { placesOf, rulesFor } from './rule-places.ts';
import { isListed, isNamed, mayServe } from './visible.ts';

export interface OfferedOptions {
  readonly gateway: Gateway;
  readonly decider: Decider;
  readonly caller: Caller;
  /** What that caller may have; of this one where none is named. */
  readonly standing: (as?: Caller) => Promise<Standing | undefined>;
}

type Touched = Pick<UpstreamAct, 'acts' | 'resolved' | 'barred'>;
interface Asked {
  readonly server: Server;
  readonly prompt: string;
  readonly args: JsonObject;
  readonly barred: Refusal | undefined;
  /** Whether argument rules of the tool with its name bind it. */
  readonly isRuled: boolean;
}
type List = (server: Server) => Promise<readonly JsonObject[]>;

const reading = ({ name }: Server): Touched => ({ acts: [{ capability: 'mcp.resource', resource: name }] });
const resourcesOf: List = ({ upstream }) => upstream.resources();
const templatesOf: List = ({ upstream }) => upstream.resourceTemplates();

export function offered({ gateway, decider, caller, standing }: OfferedOptions) {
  /** The verdict, on the chain, and then the work. */
  async function permitted<T>(
    touched: Touched,
    args: JsonObject,
    asking: Asking | undefined,
    work: (signal: AbortSignal) => Promise<T>,
    as = caller,
  ): Promise<T> {
    const argumentsDigest = sha256Hex(canonicalize(args));
    const requestId = asking?.id ?? null;
    const verdict = await decider.decide({ caller: as, tool: null, argumentsDigest, requestId, ...touched });
    if (verdict instanceof Refusal) throw verdict;
    return inFlight(decider, verdict.artifact, asking?.signal, work);
  }

  /** What the permitted servers list, each if it answers soon; of what several list, that of the first. */
  async function ofResources(list: List): Promise<readonly JsonObject[]> {
    const found = await Promise.all((await permittedServers()).map((server) => gateway.soon(server, list(server))));
    const listed = new Map<Json | undefined, JsonObject>();
    for (const item of found.flatMap((items) => items ?? [])) {
      const place = item.uri ?? item.uriTemplate;
      if (!isOurs(place) && !listed.has(place)) listed.set(place, item);
    }
    return [...listed.values()];
  }

  async function permittedServers(): Promise<readonly Server[]> {
    const under = await standing();
    if (!under) return [];
    const isOther = ({ name }: Server) => Number(!isNamed(under.scopes, 'mcp.resource', name));
    const listed = gateway.servers.filter(({ name }) => isListed(under, 'mcp.resource', name));
    // What shadow mode adds takes no resource from a server that is permitted.
    return listed.sort((one, other) => isOther(one) - isOther(other));
  }

  /**
   * What no permitted server has may be of another, which is not asked: that it is refused stands on the chain, and the
   * caller learns no more than of what nobody has.
   */
  async function refused(uri: string, asking: Asking | undefined): Promise<undefined> {
    const known = await permittedServers();
    const other = gateway.servers.find((server) => !known.includes(server));
    const no = other && (await permitted(reading(other), { uri }, asking, async () => undefined).catch(orThrow));
    if (no && no.code !== 'PERMISSION_DENIED') throw no;
  }

  async function owner(uri: string): Promise<Server | undefined> {
    const servers = await permittedServers();
    const all = (list: List) => servers.map((server) => ({ server, found: gateway.soon(server, list(server)) }));
    const [listed, templates] = [all(resourcesOf), all(templatesOf)];
    // One after another: who has it is not kept waiting by those behind it.
    for (const { server, found } of listed) if ((await found)?.some((resource) => resource.uri === uri)) return server;
    for (const { server, found } of templates)
      if ((await found)?.some(({ uriTemplate }) => fits(uri, String(uriTemplate)))) return server;
    return undefined;
  }

  async function promptsOf(server: Server) {
    const items = await server.upstream.prompts();
    const known = items.flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
    return { items, names: namesOf(server.name, known) };
  }

  /** Undefined if none of them is permitted. */
  const promptsFor = async (under: Standing, server: Server, cancelled: AbortSignal | undefined) =>
    mayServe(under, 'mcp.prompt', server.name)
      ? whileWanted(decider, under.artifact, cancelled, promptsOf(server)).catch(orThrow)
      : undefined;

  /** The scopes with argument rules for the tool that has the name of this prompt, where there is one. */
  async function rulingOn(server: Server, prompt: string, scopes: readonly Scope[]): Promise<readonly Scope[]> {
    const ruled = scopes.filter((scope) => rulesFor(scope, resourceOf(server.name, prompt)).length > 0);
    if (ruled.length === 0 || server.map?.has(prompt)) return ruled;
    const { items } = await gateway.tools(server);
    return items.some(({ name }) => name === prompt) ? ruled : [];
  }

  return {
    resources: () => ofResources(resourcesOf),
    resourceTemplates: () => ofResources(templatesOf),

    async read(uri: string, asking?: Asking): Promise<ResourceResult | undefined> {
      const artifact = artifactOf(caller);
      if (isOurs(uri) || artifact === null) return undefined;
      const server = await whileWanted(decider, artifact, asking?.signal, owner(uri));
      if (!server) return refused(uri, asking);
      const found = await permitted(reading(server), { uri }, asking, (signal) => server.upstream.read(uri, signal));
      // What everybody may have of the upstream, not everybody may have of us.
      return 'cacheScope' in found ? { ...found, cacheScope: 'private' } : found;
    },

    async prompts(): Promise<readonly JsonObject[]> {
      const under = await standing();
      if (!under) return [];
      const lists = gateway.servers
        .filter(({ name }) => mayServe(under, 'mcp.prompt', name))
        .map(async (server) => {
          const listed = await gateway.soon(server, promptsOf(server));
          return (listed?.items ?? []).flatMap((prompt) => {
            const original = String(prompt.name);
            const name = listed?.names.shown(original);
            const named = name !== undefined && isListed(under, 'mcp.prompt', resourceOf(server.name, original));
            return named ? [{ ...prompt, name }] : [];
          });
        });
      return (await Promise.all(lists)).flat();
    },

    async prompt(shown: string, given: JsonObject, asking?: Asking): Promise<JsonObject | undefined> {
      const target = gateway.server(shown);
      if (!target) return undefined;
      const { server, rest } = target;
      const as = asOfNow(caller);
      const under = await standing(as);
      const scopes = under?.scopes ?? [];
      const named = under ? await promptsFor(under, server, asking?.signal) : unprepared();
      const prompt = (named && 'names' in named && named.names.original(shown)) || rest;
      const ruling =
        named instanceof Refusal ? named : named ? await rulingOn(server, prompt, scopes).catch(orThrow) : [];
      const [barred, ruled] = ruling instanceof Refusal ? [ruling, []] : [undefined, ruling];
      const places = ruled.flatMap((scope) => placesOf(scope, resourceOf(server.name, prompt), 'url'));
      const args = withParsedUrls(given, [...urlPlaces(server.map, prompt), ...places]) ?? given;
      const touched = await touchedBy({ server, prompt, args, barred, isRuled: ruled.length > 0 }, scopes);
      return permitted(touched, args, asking, (signal) => server.upstream.prompt(prompt, args, signal), as);
    },
  };
}

/** A prompt that has the name of a tool does what the tool does: mcp-server-fetch fetches for both. So what binds the tool binds it. */
async function touchedBy({ server, prompt, args, barred, isRuled }: Asked, scopes: readonly Scope[]): Promise<Touched> {
  const resource = resourceOf(server.name, prompt);
  const act: Act = { capability: 'mcp.prompt', resource };
  if (barred) return { acts: [act], barred };
  const call: readonly Act[] = isRuled ? [{ capability: 'tool.call', resource, arguments: args }] : [];
  if (!server.map?.has(prompt) && !isRuled) return { acts: [act] };
  try {
    const touched = server.map?.has(prompt) ? actsOf(server.map, prompt, { properties: args }, args) : [];
    const resolved = server.upstream.isLocal ? await resolvedActs([call[0] ?? act, ...touched], scopes) : undefined;
    return { acts: [act, ...call, ...touched], ...(resolved && { resolved }) };
  } catch (error) {
    return { acts: [act], barred: orThrow(error) };
  }
}

/** What has been refused is decided all the same, so that it stands on the chain. */
function orThrow(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** Our own scheme, which no upstream speaks for; schemes are compared in any case (RFC 3986, section 3.1). */
const isOurs = (uri: Json | undefined): boolean => typeof uri === 'string' && /^aga:/i.test(uri);

/** Whether a URI may come of a URI template (RFC 6570): its literal parts, in order, from end to end. */
function fits(uri: string, template: string): boolean {
  const parts = literals(template);
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return uri === template;
  if (!uri.startsWith(first) || !uri.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = uri.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= uri.length - last.length;
}

/** What stands between the expressions of a template. Read once from end to end: an upstream writes it as long as it likes. */
function literals(template: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (let open = template.indexOf('{'); open !== -1; open = template.indexOf('{', from)) {
    const close = template.indexOf('}', open);
    if (close === -1) break;
    parts.push(template.slice(from, open));
    from = close + 1;
  }
  return [...parts, template.slice(from)];
}
