/** What a host's tool is in terms of the law: an act, and the files and URLs that it touches. */
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import type { Act } from '../../scope/scope.ts';
import { actsOf, mapOf, urlPlaces, withParsedUrls } from '../gateway/maps.ts';
import type { JsonObject } from '../gateway/pointer.ts';
import type { Touch } from '../gateway/shipped-maps.ts';
import type { HostCall } from './host-call.ts';

/** Tools that the host itself has are those of this server, in permissions: `claude-code/Read`. */
export const HOST = 'claude-code';

type Seen = Record<string, Touch | Touch[]>;

const edits: Seen = { '/file_path': ['fs.read', 'fs.write'] };
const looks: Seen = { '/path': 'fs.read' };

/** What is not named here touches what nobody can tell, and is judged by its name and the rules for its arguments alone. */
const TOUCHES: Record<string, Seen> = {
  Read: { '/file_path': 'fs.read' },
  Write: { '/file_path': 'fs.write' },
  Edit: edits,
  MultiEdit: edits,
  NotebookRead: { '/notebook_path': 'fs.read' },
  NotebookEdit: { '/notebook_path': ['fs.read', 'fs.write'] },
  Glob: looks,
  Grep: looks,
  LS: looks,
  WebFetch: { '/url': 'net.fetch' },
};
export const HOST_MAP = mapOf({ [HOST]: TOUCHES }, HOST);

/** The agent that the host starts if none is named. */
const ANYBODY = 'general-purpose';
const starts = ({ subagent_type: name = ANYBODY }: JsonObject): Act => named('agent.delegate', name);
const opens = ({ server }: JsonObject): Act => named('mcp.resource', server);

/** What is no file and no URL, but has a capability of its own: to start an agent is to delegate to it. */
const ALSO: ReadonlyMap<string, (input: JsonObject) => Act> = new Map([
  ['Agent', starts],
  ['Task', starts],
  ['ReadMcpResourceTool', opens],
  ['ReadMcpResourceDirTool', opens],
]);

/** It only shows an agent how another tool is called, and without it the host hides most tools of MCP servers. */
export const isLookup = ({ tool }: HostCall): boolean => tool === 'ToolSearch';

/** Server and tool of a tool of an MCP server, which the host calls `mcp__<server>__<tool>`. */
export function mcpTool({
  tool: name,
  server,
}: HostCall): { readonly server: string; readonly tool: string } | undefined {
  const shown = server?.replace(/[^a-zA-Z0-9_-]/g, '_') ?? null;
  const start = `mcp__${shown}__`;
  if (shown !== null && name.startsWith(start)) return { server: shown, tool: name.slice(start.length) };
  const [, first, tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [];
  return first === undefined || tool === undefined ? undefined : { server: first, tool };
}

/** The call itself, with its URLs as the WHATWG parser writes them. */
export function callOf(call: HostCall): Act {
  const { tool, input } = call;
  const mcp = mcpTool(call);
  const resource = mcp ? `${mcp.server}/${mcp.tool}` : `${HOST}/${tool}`;
  const places = mcp ? [] : urlPlaces(HOST_MAP, tool);
  return { capability: 'tool.call', resource, arguments: withParsedUrls(input, places) ?? input };
}

/** What it touches. Throws `INVALID_REQUEST` where nobody can tell. */
export function touchedBy(call: HostCall, { arguments: args = {} }: Act): readonly Act[] {
  const { tool, cwd } = call;
  const also = ALSO.get(tool);
  if (also) return [also(args)];
  if (mcpTool(call) || !HOST_MAP?.has(tool)) return [];
  // Where it looks when it is not told where.
  const whole = 'path' in args || !TOUCHES[tool]?.['/path'] ? args : { ...args, path: cwd };
  if (tool === 'Glob') refuseWandering(args.pattern);
  // The host knows its own tools: what is no file and no URL of theirs is left to the rules.
  return actsOf(HOST_MAP, tool, { properties: args }, whole);
}

function named(capability: Act['capability'], resource: Json | undefined): Act {
  if (typeof resource === 'string') return { capability, resource };
  throw new Refusal('INVALID_REQUEST', `What ${capability} is asked for is not text.`);
}

/** A pattern leads out of its folder by itself. */
function refuseWandering(pattern: unknown): void {
  if (typeof pattern === 'string' && !/^[/~]|(?:^|\/)\.\.(?:\/|$)|\\/.test(pattern)) return;
  throw new Refusal('INVALID_REQUEST', 'The pattern leads out of its folder.', {
    hint: 'Name the folder in "path", and what to look for below it in "pattern".',
  });
}
