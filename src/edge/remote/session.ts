/** The session of an agent at another authority: every question goes to its `/mcp`, signed with the agent's key. */
import { Refusal } from '../../base/refusal.ts';
import type { Agent } from '../../client/index.ts';
import { refusalResult } from '../mcp/result.ts';
import { isObject, type JsonObject, type RpcId } from '../mcp/rpc.ts';
import type { Asking, ResourceResult, Session, ToolCall, ToolDefinition, ToolResult } from '../mcp/session.ts';
import { asRefusal } from './refusal.ts';
import { answerIn } from './stream.ts';
import { watchJob } from './watch.ts';

interface Question {
  readonly method: string;
  readonly params?: JsonObject;
  /** Id of the forwarded request: the chain records it. */
  readonly id?: RpcId | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ToolCall['progress'];
}

const ACCEPT = 'application/json, text/event-stream';
/** Id of requests that no client here made. */
const ID = 1;

export function remoteSession(agent: Agent, instructions: string): Session {
  async function ask({ method, params = {}, id = ID, signal, progress }: Question): Promise<JsonObject> {
    const message = { jsonrpc: '2.0', id, method, params };
    try {
      const response = await agent.open('POST', '/mcp', message, { accept: ACCEPT, ...(signal && { signal }) });
      return await answerIn(response, (notification) => report(notification, progress));
    } catch (error) {
      throw asRefusal(error);
    }
  }

  const list = async <T>(method: string, member: string): Promise<readonly T[]> => {
    const { [member]: items = [] } = await ask({ method });
    return items as readonly T[]; // the authority is believed to speak MCP
  };

  async function call({
    name,
    arguments: given,
    meta,
    requestId: id,
    signal,
    progress,
  }: ToolCall): Promise<ToolResult> {
    const wanted = meta.progressToken !== undefined;
    const _meta = { ...meta, ...(wanted && { progressToken: id }) };
    const params = { name, ...(given && { arguments: given }), _meta };
    const result = await ask({ method: 'tools/call', params, id, signal, ...(wanted && { progress }) });
    return result as unknown as ToolResult; // the same
  }

  const readResource: Session['readResource'] = async (uri, asking) => {
    const found = await ask({ ...of(asking), method: 'resources/read', params: { uri } });
    return found as unknown as ResourceResult; // the same
  };

  return {
    instructions,
    listTools: () => list<ToolDefinition>('tools/list', 'tools'),
    async callTool(asked) {
      try {
        return await call(asked);
      } catch (error) {
        if (error instanceof Refusal) return refusalResult(error);
        throw error;
      }
    },
    listResources: () => list('resources/list', 'resources'),
    listResourceTemplates: () => list('resources/templates/list', 'resourceTemplates'),
    readResource,
    watchResource: (uri, watch) => watchJob(agent, readResource, uri, watch),
    listPrompts: () => list('prompts/list', 'prompts'),
    getPrompt: (name, args, asking) => ask({ ...of(asking), method: 'prompts/get', params: { name, arguments: args } }),
    // A request for each question: there is no connection on which anybody could tell us.
    onListsChanged: () => () => undefined,
  };
}

/** Nothing else of a request that stands behind it. */
const of = (asking: Asking | undefined) => ({ id: asking?.id, signal: asking?.signal });

function report({ method, params }: JsonObject, progress: ToolCall['progress'] | undefined): void {
  if (method !== 'notifications/progress' || !isObject(params) || typeof params.progress !== 'number') return;
  const { progress: done, total, message } = params;
  progress?.({
    progress: done,
    ...(typeof total === 'number' && { total }),
    ...(typeof message === 'string' && { message }),
  });
}
