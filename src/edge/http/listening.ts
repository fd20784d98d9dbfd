/** `subscriptions/listen` over HTTP: a stream of what changes, until the client goes or its authority ends. */
import { createMcpHandler, type McpHandlerRequestOptions, type McpServerFactory } from '@modelcontextprotocol/server';
import type { Json } from '../../base/canonical.ts';
import type { Caller } from '../../caller.ts';
import { LISTEN, listenFor } from '../listening.ts';
import { isObject, type RpcMessage } from '../rpc.ts';
import type { Session } from '../session.ts';

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

/** Streams that are open at once; each costs a look at the chain several times a second. */
const MOST = 1024;
const MOST_OF_ONE = 64;
const LONGEST_TIMER = 0x7fffffff;

export function streamsOf(factory: McpServerFactory, report: (error: Error) => void): Streams {
  const open = new Map<() => Promise<void>, string | null>();
  const isFull = ({ artifact }: Caller): boolean =>
    open.size >= MOST || [...open.values()].filter((each) => each === artifact).length >= MOST_OF_ONE;
  return {
    async open(request, asked, options, { caller, session, left }) {
      if (isFull(caller)) {
        const error = { code: -32603, message: 'Subscription limit reached' };
        return Response.json({ jsonrpc: '2.0', id: asked.id ?? null, error });
      }
      // A handler of its own for each: the SDK tells everybody who listens at one handler of the same changes.
      const handler = createMcpHandler(factory, { onerror: report });
      const { message, begin, end } = await listenFor(asked, session, (uri) => handler.notify.resourceUpdated(uri));
      const quiet = session.onToolsChanged(() => handler.notify.toolsChanged());
      const close = async (): Promise<void> => {
        open.delete(close);
        clearTimeout(late);
        end();
        quiet();
        watched?.();
        await handler.close();
      };
      const late = setTimeout(() => void close(), Math.min(left ?? LONGEST_TIMER, LONGEST_TIMER)).unref();
      let watched: (() => void) | undefined;
      open.set(close, caller.artifact);
      request.signal.addEventListener('abort', () => void close());
      // The end of what the caller acts under is the end of its streams.
      if (caller.artifact !== null) {
        const own = `aga://artifacts/${caller.artifact}`;
        watched = await session.watchResource?.(own, { changed: () => {}, ended: () => void close() });
      }
      if (request.signal.aborted) await close();
      const response = await handler.fetch(request, { ...options, parsedBody: message });
      begin();
      return response;
    },
    async close() {
      await Promise.all(Array.from(open.keys(), (close) => close()));
    },
  };
}
