/** `subscriptions/listen` over HTTP: a stream of what changes, until the client goes or its authority ends. */
import { createMcpHandler, type McpHandlerRequestOptions, type McpServerFactory } from '@modelcontextprotocol/server';
import type { Json } from '../../base/canonical.ts';
import type { Caller } from '../../caller.ts';
import { LISTEN, listenFor } from '../mcp/listening.ts';
import { isObject, type RpcMessage } from '../mcp/rpc.ts';
import type { Session } from '../mcp/session.ts';

export interface Listener {
  readonly caller: Caller;
  readonly session: Session;
  /** Milliseconds until the caller's session ends; null where it does not. */
  readonly left: number | null;
}

export interface Streams {
  /** Resolves with a response that goes on until it is ended. */
  open(request: Request, message: RpcMessage, options: McpHandlerRequestOptions, listener: Listener): Promise<Response>;
  close(): Promise<void>;
}

export const isListen = (body: Json): body is Json & RpcMessage => isObject(body) && body.method === LISTEN;

/** Streams that are open at once; each costs a look at the chain several times a second, and so does each resource of one. */
const MOST = 1024;
const MOST_OF_ONE = 64;
const MOST_RESOURCES = 1000;
const LONGEST_TIMER = 0x7fffffff;

interface Stream {
  readonly artifact: string | null;
  /** How many resources were named. */
  readonly resources: number;
  /** Held, because the end of its connection reaches a `Request` only as long as somebody has that. */
  readonly request: Request;
}

export function streamsOf(factory: McpServerFactory, report: (error: Error) => void): Streams {
  const open = new Map<() => Promise<void>, Stream>();
  const isFull = (one: Stream): boolean => {
    const own = [...open.values(), one].filter(({ artifact }) => artifact === one.artifact);
    const resources = own.reduce((sum, each) => sum + each.resources, 0);
    return open.size >= MOST || own.length > MOST_OF_ONE || resources > MOST_RESOURCES;
  };
  return {
    async open(request, asked, options, { caller, session, left }) {
      const stream = { artifact: caller.artifact, resources: namedIn(asked), request };
      if (isFull(stream)) {
        const error = { code: -32603, message: 'Subscription limit reached' };
        return Response.json({ jsonrpc: '2.0', id: asked.id ?? null, error });
      }
      // A handler of its own for each: the SDK tells everybody who listens at one handler of the same changes.
      const handler = createMcpHandler(factory, { onerror: report });
      const ends: (() => void)[] = [];
      const close = async (): Promise<void> => {
        open.delete(close);
        for (const end of ends.splice(0)) end();
        await handler.close();
      };
      /** What begins while the stream is being closed ends at once. */
      const until = (end: () => void): void => void (open.has(close) ? ends.push(end) : end());
      // Its place is taken before anything is waited for: of many that come at once, none finds the room of another.
      open.set(close, stream);
      request.signal.addEventListener('abort', () => void close());
      try {
        const { message, begin, end } = await listenFor(asked, session, (uri) => handler.notify.resourceUpdated(uri));
        until(end);
        const { notify } = handler;
        until(
          session.onListsChanged(() => {
            notify.toolsChanged();
            notify.resourcesChanged();
            notify.promptsChanged();
          }),
        );
        const late = setTimeout(() => void close(), Math.min(left ?? LONGEST_TIMER, LONGEST_TIMER)).unref();
        until(() => clearTimeout(late));
        // The end of what the caller acts under is the end of its streams.
        if (caller.artifact !== null) {
          const own = `aga://artifacts/${caller.artifact}`;
          const stop = await session.watchResource?.(own, { changed: () => {}, ended: () => void close() });
          if (stop) until(stop);
        }
        if (request.signal.aborted) await close();
        const response = await handler.fetch(request, { ...options, parsedBody: message });
        begin();
        return response;
      } catch (error) {
        await close();
        throw error;
      }
    },
    async close() {
      await Promise.all(Array.from(open.keys(), (close) => close()));
    },
  };
}

function namedIn({ params }: RpcMessage): number {
  const asked = isObject(params?.notifications) ? params.notifications.resourceSubscriptions : undefined;
  // The SDK refuses any other shape.
  return Array.isArray(asked) ? asked.length : 0;
}
