/** What each MCP method asks of a session, and how a session's answers and faults look on the wire. */
import { Refusal } from '../../base/refusal.ts';
import type { McpRequest } from './mcp-request.ts';
import { progressOf } from './progress.ts';
import { refusalBody, refusalResult } from './result.ts';
import { isObject, RPC, RpcError } from './rpc.ts';
import { type Session, UnknownName } from './session.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface Serving {
  readonly session: Session;
  /** Is told what our own faults were; callers only learn that there was one. */
  readonly report: (error: unknown) => void;
  /** Absent where nothing can be told beside an answer, and from 2026-07-28 on, which has `subscriptions/listen`. */
  readonly subscriptions?: Subscriptions;
}

interface Method {
  ask(request: McpRequest, session: Session, subscriptions: Subscriptions | undefined): Promise<object>;
  /** How a refusal is said: as a result, or by throwing a protocol error. */
  refuse(refusal: Refusal): object;
}

const listed = (ask: Method['ask']): Method => ({
  // Every list is one page, so there is no cursor that a caller could have from us.
  ask: async (request, ...of) => {
    if (request.params.cursor !== undefined) throw invalid('unknown cursor');
    return ask(request, ...of);
  },
  refuse: protocolError,
});

const METHODS = new Map<string, Method>([
  ['tools/list', listed(async (_, session) => ({ tools: await session.listTools() }))],
  ['tools/call', { ask: callTool, refuse: refusalResult }],
  ['resources/list', listed(async (_, session) => ({ resources: await session.listResources() }))],
  [
    'resources/templates/list',
    listed(async (_, session) => ({ resourceTemplates: await session.listResourceTemplates() })),
  ],
  ['resources/read', { ask: readResource, refuse: protocolError }],
  ['resources/subscribe', subscribing((uri, subscriptions) => subscriptions.add(uri))],
  ['resources/unsubscribe', subscribing(async (uri, subscriptions) => subscriptions.remove(uri))],
  ['prompts/list', listed(async (_, session) => ({ prompts: await session.listPrompts() }))],
  ['prompts/get', { ask: getPrompt, refuse: protocolError }],
]);

/**
 * The result of an MCP request.
 *
 * @throws RpcError with nothing leaked; a refused tool call is a result and does not throw.
 */
export async function answer(method: string, request: McpRequest, serving: Serving): Promise<object> {
  const row = METHODS.get(method);
  if (row === undefined) throw new RpcError(RPC.method, 'Method not found');
  try {
    return await row.ask(request, serving.session, serving.subscriptions);
  } catch (thrown) {
    if (thrown instanceof RpcError) throw thrown;
    // What fails after a cancellation failed because of it.
    if (!(thrown instanceof Refusal) && !request.signal.aborted) serving.report(thrown);
    return row.refuse(Refusal.from(thrown));
  }
}

function protocolError(refusal: Refusal): never {
  throw new RpcError(refusal.status < 500 ? RPC.params : RPC.internal, refusal.message, refusalBody(refusal));
}

async function callTool(request: McpRequest, session: Session): Promise<object> {
  const { id, meta, signal } = request;
  const { name, arguments: given } = request.params;
  if (typeof name !== 'string') throw invalid('name must be a string');
  if (given !== undefined && !isObject(given)) throw new Refusal('INVALID_REQUEST', 'arguments must be an object.');
  const progress = progressOf(request);
  try {
    const call = { name, arguments: given, meta, requestId: id, signal, progress: progress.send };
    return complete(await session.callTool(call));
  } catch (thrown) {
    throw thrown instanceof UnknownName ? invalid(`unknown tool ${quoted(name)}`) : thrown;
  } finally {
    await progress.settle();
  }
}

/** 2026-07-28 lets a result ask the user for something; an upstream may not ask in our name. */
function complete(result: object): object {
  if (!('resultType' in result)) return result;
  const { resultType: _, ...rest } = result;
  return rest;
}

function subscribing(change: (uri: string, subscriptions: Subscriptions) => Promise<void>): Method {
  return {
    async ask(request, _, subscriptions) {
      if (!subscriptions) throw new RpcError(RPC.method, 'Method not found');
      await change(uriOf(request), subscriptions);
      return {};
    },
    refuse: protocolError,
  };
}

function uriOf({ params }: McpRequest): string {
  if (typeof params.uri !== 'string') throw invalid('uri must be a string');
  return params.uri;
}

async function readResource(request: McpRequest, session: Session): Promise<object> {
  const uri = uriOf(request);
  const found = await session.readResource(uri, request);
  if (found === undefined) throw new RpcError(RPC.params, 'Resource not found', { uri });
  return complete(found);
}

async function getPrompt(request: McpRequest, session: Session): Promise<object> {
  const { name, arguments: given = {} } = request.params;
  if (typeof name !== 'string') throw invalid('name must be a string');
  if (!isObject(given)) throw invalid('arguments must be an object');
  const prompt = await session.getPrompt(name, given, request);
  if (prompt === undefined) throw invalid(`unknown prompt ${quoted(name)}`);
  return complete(prompt);
}

const invalid = (what: string) => new RpcError(RPC.params, `Invalid params: ${what}`);
const quoted = (name: string) => JSON.stringify(name.slice(0, 128));
