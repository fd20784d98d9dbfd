/** A server whose tools do what the tests of the edge need, and nothing of the product. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../../src/base/canonical.ts';
import { Refusal } from '../../../src/base/refusal.ts';
import { toolResult } from '../../../src/edge/mcp/result.ts';
import { type Session, type ToolCall, type ToolResult, UnknownName } from '../../../src/edge/mcp/session.ts';

type Tool = (call: ToolCall) => Promise<ToolResult>;
type JsonObject = { readonly [name: string]: Json };

/** A session, and how to make it say that its tools changed. */
export function fixture(log: (line: string) => void = () => {}): Session & { change(): void } {
  const listeners = new Set<() => void>();
  const change = () => {
    for (const listener of listeners) listener();
  };
  const tools: Record<string, Tool> = {
    noop: async () => toolResult({ ok: true }),
    echo: async (call) =>
      toolResult({ arguments: call.arguments ?? null, meta: call.meta, id: call.requestId, names: names(call) }),
    slow: async (call) => {
      call.signal.addEventListener('abort', () => log('aborted'));
      await sleep(Number(call.arguments?.ms));
      log('finished');
      return toolResult({ ok: true });
    },
    stepwise: async (call) => {
      for (let progress = 1; progress <= 3; progress++)
        call.progress({ progress, total: 3, message: `step ${progress}` });
      return toolResult({ ok: true });
    },
    refuse: async () => {
      throw new Refusal('PERMISSION_DENIED', 'Not covered.', { detail: { excess: [] } });
    },
    fail: async () => {
      throw new TypeError('the secret is 1234');
    },
    // What an upstream server might send: a content type of tomorrow, members that no schema knows.
    odd: async () =>
      ({
        content: [{ type: 'hologram', data: [1] }],
        extra: { deep: null },
        resultType: 'input_required',
      }) as ToolResult,
    unserializable: async () => ({ content: [], structuredContent: { n: 1n } }) as unknown as ToolResult,
    big: async (call) => toolResult({ text: 'x'.repeat(Number(call.arguments?.bytes)) }),
    change: async () => {
      change();
      return toolResult({ ok: true });
    },
  };
  return {
    instructions: 'Only for tests.',
    listTools: async () => Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
    async callTool(call) {
      const tool = Object.hasOwn(tools, call.name) ? tools[call.name] : undefined;
      if (tool === undefined) throw new UnknownName(call.name);
      return tool(call);
    },
    listResources: async () => [{ uri: 'test://one', name: 'one' }],
    listResourceTemplates: async () => [{ uriTemplate: 'test://{name}', name: 'any' }],
    async readResource(uri) {
      if (uri === 'test://denied') throw new Refusal('ARTIFACT_REVOKED', 'Revoked.');
      if (uri === 'test://broken') throw new Error('the secret is 1234');
      return uri === 'test://one' ? { contents: [{ uri, mimeType: 'text/plain', text: 'content' }] } : undefined;
    },
    listPrompts: async () => [{ name: 'hello', arguments: [{ name: 'who' }] }],
    async getPrompt(name, args: JsonObject) {
      if (name !== 'hello') return undefined;
      return { messages: [{ role: 'user', content: { type: 'text', text: `Hello ${String(args.who)}` } }] };
    },
    onListsChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change,
  };
}

/** Own member names as they arrived, `__proto__` included. */
const names = (call: ToolCall): string[] => Object.getOwnPropertyNames(call.arguments ?? {});
