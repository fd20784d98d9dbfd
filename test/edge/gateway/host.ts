/** A host as it meets us: lines of text through the strict reader and the edge, to a session with a gateway. */
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { bound, type Caller, operator } from '../../../src/caller.ts';
import { Gateway, type GatewayOptions } from '../../../src/edge/gateway/gateway.ts';
import { gatewaySession } from '../../../src/edge/gateway/gateway-session.ts';
import { toolResult } from '../../../src/edge/mcp/result.ts';
import { judge } from '../../../src/edge/mcp/rpc.ts';
import { connect } from '../../../src/edge/mcp/server.ts';
import { type Session, UnknownName } from '../../../src/edge/mcp/session.ts';
import { type Law, law } from './law.ts';

/** Our own tools: `root` is how an operator comes to act under an artifact. */
function ownSession(caller: Caller): Session {
  return {
    instructions: 'Ours.',
    listTools: async () => [{ name: 'root', inputSchema: { type: 'object' } }],
    async callTool({ name, arguments: given }) {
      if (name !== 'root') throw new UnknownName(name);
      caller.session.lastRoot = String(given?.artifact);
      return toolResult({ ok: true });
    },
    listResources: async () => [{ uri: 'aga://own', name: 'own' }],
    listResourceTemplates: async () => [],
    readResource: async (uri) => (uri === 'aga://own' ? { contents: [{ uri, text: 'own' }] } : undefined),
    listPrompts: async () => [{ name: 'own' }],
    getPrompt: async (name) => (name === 'own' ? { messages: [] } : undefined),
    onListsChanged: () => () => {},
  };
}

export interface World {
  readonly law: Law;
  readonly gateway: Gateway;
  session(caller?: Caller): Session;
  /** A raw connection: what is sent is a line, what comes back is every message. */
  raw(caller: Caller): { send(line: string): void; readonly received: { readonly [member: string]: unknown }[] };
  client(caller: Caller, era?: 'earlier' | 'modern'): Promise<EarlierClient>;
  close(): Promise<void>;
}

export function world(options: Pick<GatewayOptions, 'upstreams'> & Partial<GatewayOptions>): World {
  const decider = law();
  const gateway = new Gateway({ maps: {}, client: { name: 'test', version: '1' }, log: () => {}, ...options });
  const closers: (() => Promise<void>)[] = [];
  const session = (caller: Caller = operator()) => gatewaySession(ownSession(caller), { gateway, decider, caller });

  function open(caller: Caller, receive: (message: object) => void) {
    const info = { name: 'test', title: 'Test', version: '1' };
    const connection = connect({ session: () => session(caller), info, send: receive, report: () => {} });
    closers.push(() => connection.close());
    return (line: string) => {
      const { message, reply } = judge(Buffer.from(line));
      if (reply) receive(reply);
      if (message) connection.receive(message);
    };
  }

  return {
    law: decider,
    gateway,
    session,
    raw(caller) {
      const received: { readonly [member: string]: unknown }[] = [];
      const send = open(caller, (message) => received.push(JSON.parse(JSON.stringify(message))));
      const start = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
      send(JSON.stringify({ jsonrpc: '2.0', id: 'init', method: 'initialize', params: start }));
      send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
      return { send, received };
    },
    async client(caller, era = 'earlier') {
      const send = open(caller, (message) =>
        setImmediate(() => transport.onmessage?.(JSON.parse(JSON.stringify(message)))),
      );
      const transport: Transport = {
        start: async () => {},
        send: async (message) => send(JSON.stringify(message)),
        close: async () => transport.onclose?.(),
      };
      const info = { name: 'host', version: '1' };
      const modern = () => new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
      // A cast: what the tests call is the same in both.
      const client = era === 'earlier' ? new EarlierClient(info) : (modern() as unknown as EarlierClient);
      await client.connect(transport);
      closers.push(() => client.close());
      return client;
    },
    async close() {
      await Promise.all(closers.map((close) => close()));
      await gateway.close();
    },
  };
}

export const agent = (artifact: string): Caller => bound(artifact, 'process');

/** The error object of a refused call. */
export function errorOf(result: unknown): {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
} {
  const { isError, content } = result as { isError?: boolean; content: { text: string }[] };
  if (!isError) throw new Error(`was not refused: ${JSON.stringify(result).slice(0, 500)}`);
  return JSON.parse(content[0]!.text).error;
}

/** Counts from now on how often the client is told that the list of tools changed. */
export function listChanges(client: EarlierClient): () => number {
  let count = 0;
  client.fallbackNotificationHandler = async ({ method }) => {
    if (method === 'notifications/tools/list_changed') count += 1;
  };
  return () => count;
}
