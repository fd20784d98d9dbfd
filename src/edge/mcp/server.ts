/**
 * The only file that imports the MCP server package: a `Session` served in both protocol eras (2025-11-25 and earlier,
 * 2026-07-28).
 *
 * Requests take the SDK's fallback handler. There arguments arrive and results leave as they are, while a registered
 * handler has both parsed by the SDK's schemas, which drop or refuse what they do not know and take most of the time.
 */
import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  type Result,
  Server,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server';
import { serveStdio as serveEras } from '@modelcontextprotocol/server/stdio';
import { direct } from './direct.ts';
import { listensOf } from './listening.ts';
import type { McpRequest } from './mcp-request.ts';
import { answer, type Serving } from './methods.ts';
import type { JsonObject, RpcMessage } from './rpc.ts';
import type { Session } from './session.ts';
import { shownTo } from './shown.ts';
import { type Subscriptions, subscriptionsOf } from './subscriptions.ts';

export interface ServerInfo {
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

export type Era = 'legacy' | 'modern';

/** Lists change as artifacts begin and end: a client that listed prompts early must list them again. */
const listChanged = true;

/**
 * One MCP server for one connection (stdio) or one request (HTTP): cheap, and without effects. `subscribe`: whether it can
 * tell of changes in this era.
 */
export function serverFor(info: ServerInfo, serving: Serving, subscribe: boolean): Server {
  const server = new Server(
    { ...info },
    {
      capabilities: {
        tools: { listChanged },
        resources: { listChanged, ...(subscribe && { subscribe }) },
        prompts: { listChanged },
      },
      instructions: serving.session.instructions,
      debouncedNotificationMethods: ['tools', 'resources', 'prompts'].map(
        (what) => `notifications/${what}/list_changed`,
      ),
      // Would judge answers to elicitations, of which there are none; building the default one takes milliseconds.
      jsonSchemaValidator: { getValidator: () => () => ({ valid: false, data: undefined, errorMessage: 'unused' }) },
    },
  );
  server.onerror = (error) => serving.report(error.message);
  // Any object is a result; the type only names what the SDK itself may add.
  server.fallbackRequestHandler = async (request, context) => {
    const result = await answer(request.method, decoded(request, context), serving);
    return shownTo(server.getClientVersion()?.name, result) as Result;
  };
  return server;
}

/** What was parsed from the wire is JSON, which the SDK's types do not say. */
function decoded({ id, params = {} }: JSONRPCRequest, { mcpReq }: ServerContext): McpRequest {
  return {
    id,
    params: params as JsonObject,
    meta: (mcpReq._meta ?? {}) as JsonObject,
    signal: mcpReq.signal,
    notify: (method, body) => mcpReq.notify({ method, params: body }),
  };
}

export interface Connection {
  /** Takes a message that `judge` let through. */
  receive(message: RpcMessage): void;
  /** Aborts what runs; nothing is sent for it any more. */
  close(): Promise<void>;
}

export interface ConnectionOptions extends Omit<Serving, 'session'> {
  /** Called once per connection, and once more for a probe that is thrown away. */
  readonly session: () => Session;
  readonly info: ServerInfo;
  readonly send: (message: { readonly id?: unknown; readonly method?: string; readonly params?: unknown }) => void;
}

/** Serves one connection whose messages somebody else reads and writes; its first message decides the era. */
export function connect({ session: open, info, send, ...rest }: ConnectionOptions): Connection {
  const transport: Transport = {
    start: async () => {},
    async send(message) {
      send(message);
      listens.sent(message);
    },
    close: async () => transport.onclose?.(),
  };
  const calls = direct(send);
  // Same shape: `RpcMessage` is what our own reader checks, `JSONRPCMessage` what the SDK's would.
  const handOn = (message: RpcMessage) => transport.onmessage?.(message as JSONRPCMessage);
  const listens = listensOf({ session: () => current ?? open(), send, handOn, report: rest.report });
  let current: Session | undefined;
  const ends: (() => void)[] = [calls.close, listens.close];
  const subscriptions = (session: Session): Subscriptions => {
    const method = 'notifications/resources/updated';
    const changed = (uri: string) => send({ jsonrpc: '2.0', method, params: { uri } } as { method: string });
    const made = subscriptionsOf(session, (uri) => ({ changed: () => changed(uri), ended: () => {} }));
    ends.push(made.close);
    return made;
  };
  const handle = serveEras(
    ({ era }) => {
      const session = open();
      current = session;
      const serving = { ...rest, session, ...(era === 'legacy' && { subscriptions: subscriptions(session) }) };
      const server = serverFor(info, serving, session.watchResource !== undefined);
      tellChanges(server, session, era === 'modern');
      if (era === 'legacy') calls.open(serving);
      return server;
    },
    // What the SDK reports is about the client's messages, and where in the SDK it was noticed says nothing.
    { transport, onerror: (error) => rest.report(error.message) },
  );
  return {
    receive(message) {
      if (!calls.take(message) && !listens.take(message)) handOn(message);
    },
    async close() {
      for (const end of ends) end();
      await handle.close();
    },
  };
}

/** Earlier eras want silence until the client says that it is ready; 2026-07-28 tells those that subscribed. */
function tellChanges(server: Server, session: Session, ready: boolean): void {
  server.oninitialized = () => {
    ready = true;
  };
  server.onclose = session.onListsChanged(() => {
    if (!ready) return;
    const told = [server.sendToolListChanged(), server.sendResourceListChanged(), server.sendPromptListChanged()];
    for (const sent of told) sent.catch(() => {});
  });
}
