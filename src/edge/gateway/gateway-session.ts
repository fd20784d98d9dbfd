/** A session whose caller has, beside our own tools, what its artifact permits of the upstreams. */
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import { traced } from '../../tracing.ts';
import { refusalResult } from '../mcp/result.ts';
import type { Session, ToolCall, ToolDefinition, ToolResult } from '../mcp/session.ts';
import { traceIn } from '../mcp/trace.ts';
import { artifactOf, type Decider, type Standing } from './decider.ts';
import type { Gateway, Server } from './gateway.ts';
import { inFlight } from './in-flight.ts';
import { judgeCall } from './judge.ts';
import { offered } from './offered.ts';
import { isVisible, mayServe } from './visible.ts';

export interface GatewaySessionOptions {
  readonly gateway: Gateway;
  readonly decider: Decider;
  readonly caller: Caller;
}

const INSTRUCTIONS =
  ' Tools named <server>__<tool> are those of the servers behind this one; in permissions they are written <server>/<tool>.';

export function gatewaySession(own: Session, options: GatewaySessionOptions): Session {
  const { gateway, decider, caller } = options;
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  let watched: { readonly artifact: string; readonly stop: () => void } | undefined;

  /** The end of what the caller acts under changes what is listed; without a listener there is nobody to tell. */
  function watch(artifact: string | undefined): void {
    const wanted = listeners.size > 0 ? artifact : undefined;
    if (watched?.artifact === wanted) return;
    watched?.stop();
    watched = wanted === undefined ? undefined : { artifact: wanted, stop: decider.onEnded(wanted, changed) };
  }

  /** What the caller acts under, or `undefined` where that is nothing (any more). */
  async function standing(as = caller): Promise<Standing | undefined> {
    if (artifactOf(as) === null) return undefined;
    try {
      const found = await decider.standing(as);
      watch(found.artifact);
      return found;
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  async function visibleTools(server: Server, under: Standing): Promise<readonly ToolDefinition[]> {
    if (!mayServe(under, 'tool.call', server.name)) return [];
    const listed = await gateway.soon(server, gateway.tools(server));
    return (listed?.items ?? []).flatMap((tool) => {
      const name = listed?.names.shown(tool.name);
      return name !== undefined && isVisible(under, server, tool.name) ? [{ ...tool, name }] : [];
    });
  }

  async function callUpstream(call: ToolCall, server: Server, rest: string, trace?: string): Promise<ToolResult> {
    const judged = await judgeCall(call, { server, rest, gateway, decider, caller });
    const progress = call.meta.progressToken === undefined ? undefined : call.progress;
    const { artifact, paid } = judged.permit;
    const make = () =>
      inFlight(decider, artifact, call.signal, (signal) =>
        server.upstream.call({ name: judged.tool, arguments: judged.arguments, signal, progress, trace }),
      );
    return paid ? paid(make) : make();
  }

  const more = offered({ ...options, standing });
  return {
    instructions: own.instructions + (gateway.servers.length > 0 ? INSTRUCTIONS : ''),
    async listTools() {
      const [tools, under] = await Promise.all([own.listTools(), standing()]);
      const lists = under ? await Promise.all(gateway.servers.map((server) => visibleTools(server, under))) : [];
      return [...tools, ...lists.flat()];
    },
    async callTool(call) {
      const target = gateway.server(call.name);
      try {
        if (target) {
          const about = { 'aga.upstream': target.server.name, 'aga.artifact': artifactOf(caller) ?? undefined };
          const trace = traceIn(call.meta.traceparent);
          return await traced(call.name, about, trace, (to) => callUpstream(call, target.server, target.rest, to));
        }
      } catch (error) {
        if (error instanceof Refusal) return refusalResult(error);
        throw error;
      }
      const before = artifactOf(caller);
      const result = await own.callTool(call);
      // An operator acts under the root that it has just created.
      if (artifactOf(caller) !== before) changed();
      return result;
    },
    async listResources() {
      return [...(await own.listResources()), ...(await more.resources())];
    },
    async listResourceTemplates() {
      return [...(await own.listResourceTemplates()), ...(await more.resourceTemplates())];
    },
    async readResource(uri, asking) {
      return (await own.readResource(uri, asking)) ?? more.read(uri, asking);
    },
    ...(own.watchResource && { watchResource: own.watchResource }),
    async listPrompts() {
      return [...(await own.listPrompts()), ...(await more.prompts())];
    },
    async getPrompt(name, args, asking) {
      return (await own.getPrompt(name, args, asking)) ?? more.prompt(name, args, asking);
    },
    onListsChanged(listener) {
      listeners.add(listener);
      const quiet = [own.onListsChanged(listener), gateway.onChanged(listener)];
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) watch(undefined);
        for (const stop of quiet) stop();
      };
    },
  };
}
