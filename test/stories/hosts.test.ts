/** What hosts do to servers, done to ours: each was seen in a real one (docs/hosts.md). */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { clean, SERVER } from './program.ts';

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
