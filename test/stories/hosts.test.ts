/** What hosts do to servers, done to ours: each was seen in a real one (docs/hosts.md). */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { clean, run, SERVER } from './program.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function asHost(name: string): Promise<Client> {
  const env = Object.fromEntries(Object.entries(clean()).filter((entry): entry is [string, string] => !!entry[1]));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [SERVER, '--data-dir', directory()],
    env,
  });
  const client = new Client({ name, version: '1' });
  cleanups.push(() => client.close());
  await client.connect(transport);
  const hear = transport.onmessage;
  transport.onmessage = (message) => {
    if ('result' in message) fill(message.result);
    hear?.(message);
  };
  return client;
}

/** Gemini CLI takes a JSON text for the structured content that the result lacks. */
function fill(result: { [member: string]: unknown }): void {
  const [first] = Array.isArray(result.content) ? result.content : [];
  if (first?.type === 'text' && !result.structuredContent) result.structuredContent = JSON.parse(first.text);
}

it('Gemini CLI holds a refusal against the output schema, and is shown none', async () => {
  const refused = { name: 'aga_delegate_to_subagent', arguments: { sub_agent_id: 'reader' } };
  const other = await asHost('another');
  await other.listTools();
  await expect(other.callTool(refused)).rejects.toThrow('output schema');

  const gemini = await asHost('gemini-cli-mcp-client');
  const { tools } = await gemini.listTools();
  expect(tools).toHaveLength(12);
  expect(await gemini.callTool(refused)).toMatchObject({
    isError: true,
    structuredContent: { error: { code: 'NO_ARTIFACT' } },
  });
});

it('frameworks of the v2 SDK ask a process that they throw away first, and begin in the next with a list', async () => {
  const at = ['--data-dir', directory()];
  const prefix = 'io.modelcontextprotocol/';
  const _meta = {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientInfo`]: { name: 'framework', version: '1' },
    [`${prefix}clientCapabilities`]: {},
  };
  const begins = async (method: string) => {
    const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta } });
    const { code, out } = await run(at, {}, `${line}\n`);
    return { code, result: JSON.parse(out).result };
  };
  expect(await begins('server/discover')).toMatchObject({ code: 0, result: { supportedVersions: ['2026-07-28'] } });
  const { code, result } = await begins('tools/list');
  expect([code, result.tools.length]).toEqual([0, 12]);
});

it('arguments are described in few words of JSON Schema: hosts drop or rewrite the others', async () => {
  const { tools } = await (await asHost('another')).listTools();
  const kept = new Set(['type', 'description', 'properties', 'required', 'additionalProperties', 'items', 'enum']);
  const words = (schema: unknown): string[] => {
    if (typeof schema !== 'object' || schema === null) return [];
    const { properties = {}, items, additionalProperties } = schema as { [word: string]: object | undefined };
    const within = [...Object.values(properties), items, additionalProperties];
    return [...Object.keys(schema), ...within.flatMap(words)];
  };
  for (const { name, inputSchema } of tools)
    expect([name, words(inputSchema).filter((word) => !kept.has(word))]).toEqual([name, []]);
});
