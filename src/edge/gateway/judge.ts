/** From a call to a verdict: what exactly would be forwarded, what it touches, and the law's word on it. */
import { sha256Hex } from '#digest';
import { canonicalize } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import type { Act, Scope } from '../../scope/scope.ts';
import type { ToolCall, ToolDefinition } from '../mcp/session.ts';
import {
  artifactOf,
  asOfNow,
  type Decider,
  type Permit,
  type Standing,
  type UpstreamAct,
  unprepared,
} from './decider.ts';
import type { Gateway, Listed, Server } from './gateway.ts';
import { whileWanted } from './in-flight.ts';
import { actsOf, urlPlaces, withParsedUrls } from './maps.ts';
import { resourceOf } from './naming.ts';
import type { JsonObject } from './pointer.ts';
import { resolvedActs } from './resolved.ts';
import { placesOf } from './rule-places.ts';
import { isNamed } from './visible.ts';

export interface Judged {
  readonly permit: Permit;
  /** What the upstream calls the tool. */
  readonly tool: string;
  /** The very object that was judged. */
  readonly arguments: JsonObject | undefined;
}

/** Scopes are immutable: whether they still hold is the verdict's business. */
const known = new WeakMap<Decider, Map<string, Standing>>();
const MAX_KNOWN = 1_000;

/** `undefined` for a caller whose authority has ended or that has none: the verdict says which. */
async function scopesOf(decider: Decider, caller: Caller): Promise<readonly Scope[] | undefined> {
  const artifact = artifactOf(caller);
  if (artifact === null) return undefined;
  let standings = known.get(decider);
  if (!standings) {
    standings = new Map();
    known.set(decider, standings);
  }
  const before = standings.get(artifact);
  if (before) return before.scopes;
  try {
    const standing = await decider.standing(caller);
    if (standings.size >= MAX_KNOWN) standings.clear();
    standings.set(standing.artifact, standing);
    return standing.scopes;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Throws the refusal, once it stands on the chain. `rest` is the name behind that of the server. */
export async function judgeCall(
  call: ToolCall,
  {
    server,
    rest,
    gateway,
    decider,
    caller: asking,
  }: { server: Server; rest: string; gateway: Gateway; decider: Decider; caller: Caller },
): Promise<Judged> {
  const caller = asOfNow(asking);
  const scopes = await scopesOf(decider, caller);
  const started = async () => {
    const listed = await gateway.tools(server);
    await server.upstream.ready();
    return listed;
  };
  const listed = () =>
    gateway.toolsNow(server) ?? whileWanted(decider, artifactOf(caller) ?? '', call.signal, started());
  const prepared = await prepare(call, { server, rest, scopes, listed });
  const [{ resource, arguments: given }] = prepared.acts;
  const verdict = await decider.decide({
    caller,
    tool: resource,
    requestId: call.requestId,
    argumentsDigest: given === undefined ? '' : sha256Hex(canonicalize(given)),
    ...prepared,
  });
  if (verdict instanceof Refusal) throw verdict;
  return { permit: verdict, tool: resource.slice(server.name.length + 1), arguments: given as JsonObject | undefined };
}

type Prepared = Pick<UpstreamAct, 'acts' | 'resolved' | 'barred'>;

interface Target {
  readonly server: Server;
  readonly rest: string;
  /** Absent where the caller has no authority. */
  readonly scopes: readonly Scope[] | undefined;
  /** The tools of the server, which is started for it. Throws `UPSTREAM_FAILED`, or why it is not waited for. */
  readonly listed: () => Listed<ToolDefinition> | Promise<Listed<ToolDefinition>>;
}

async function prepare(
  { name, arguments: given }: ToolCall,
  { server, rest, scopes, listed }: Target,
): Promise<Prepared> {
  // An upstream is not started for a caller who may not use it.
  const guess = (tool: string, args = given): [Act] => [
    { capability: 'tool.call', resource: resourceOf(server.name, tool), ...(args && { arguments: args }) },
  ];
  if (!scopes) return { acts: guess(rest), barred: unprepared() };
  let tool = rest;
  let acts: readonly [Act, ...Act[]] = guess(tool);
  try {
    const isPlain = isNamed(scopes, 'tool.call', resourceOf(server.name, tool));
    if (!isPlain && !isHashed(name)) return { acts };
    const { items, names } = await listed();
    tool = names.original(name) ?? rest;
    acts = guess(tool);
    const definition = items.find((item) => item.name === tool);
    if (!definition || names.shown(tool) !== name) throw unknownTool(server, rest);
    if (tool === rest ? !isPlain : !isNamed(scopes, 'tool.call', resourceOf(server.name, tool))) return { acts };
    const args = withParsedUrls(given, [
      ...urlPlaces(server.map, tool),
      ...scopes.flatMap((scope) => placesOf(scope, resourceOf(server.name, tool), 'url')),
    ]);
    acts = guess(tool, args);
    if (server.map) acts = [acts[0], ...actsOf(server.map, tool, definition.inputSchema, args)];
    const resolved = server.upstream.isLocal ? await resolvedActs(acts, scopes) : undefined;
    return { acts, ...(resolved && { resolved }) };
  } catch (error) {
    if (error instanceof Refusal) return { acts, barred: error };
    throw error;
  }
}

/** A name that may stand for another, see `naming.ts`. */
const isHashed = (name: string): boolean => /_[0-9a-f]{8,}$/.test(name);

const unknownTool = ({ name }: Server, tool: string): Refusal =>
  new Refusal('PERMISSION_DENIED', `The upstream "${name}" has no tool ${JSON.stringify(tool.slice(0, 128))}.`, {
    hint: 'Call a tool that tools/list shows; no artifact permits one that does not exist.',
  });
