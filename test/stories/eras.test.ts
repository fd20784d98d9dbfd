/** The built server over stdio, as hosts of every era drive it: the official clients of both SDK lines. */
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Transport2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { directory } from '../scratch.ts';
import { SERVER } from './program.ts';

const me = { name: 'story', version: '1' };
const pinned = { mode: { pin: '2026-07-28' } } as const;

/** What a story needs of either client: their types have no common ancestor. */
type AnyClient = Pick<Client2, 'listTools' | 'callTool' | 'listResources' | 'listResourceTemplates' | 'readResource'> &
  Pick<Client2, 'listPrompts' | 'getPrompt' | 'close' | 'getServerVersion' | 'getInstructions'>;

const spawning = (path: string) => ({
  command: process.execPath,
  args: [SERVER, '--data-dir', path],
  stderr: 'pipe' as const,
});

const CLIENTS: { readonly [name: string]: (path: string) => Promise<AnyClient> } = {
  'the v1 client': async (path) => {
    const client = new Client1(me);
    await client.connect(new Transport1(spawning(path)));
    return client as unknown as AnyClient; // the same methods, declared twice
  },
  'the v2 client, legacy': (path) => connect2(path, { mode: 'legacy' }),
  'the v2 client, auto': (path) => connect2(path, { mode: 'auto' }),
  'the v2 client, pinned to 2026-07-28': (path) => connect2(path, pinned),
};

async function connect2(
  path: string,
  versionNegotiation: typeof pinned | { mode: 'legacy' | 'auto' },
): Promise<AnyClient> {
  const client = new Client2(me, { versionNegotiation });
  await client.connect(new Transport2(spawning(path)));
  return client;
}

async function connected(connect: (path: string) => Promise<AnyClient>): Promise<AnyClient> {
  const path = directory();
  const client = await connect(path);
  onTestFinished(() => client.close());
  return client;
}
type Members = any;

/** The structured answer; the text must say the same. */
async function call(
  client: AnyClient,
  name: string,
  input: { readonly [member: string]: unknown } = {},
): Promise<Members> {
  const result: Members = await client.callTool({ name, arguments: { ...input } });
  expect(result.isError ?? false).toBe(false);
  expect(JSON.parse(result.content[0].text)).toEqual(result.structuredContent);
  expect(result.content).toHaveLength(1);
  return result.structuredContent;
}

async function refused(client: AnyClient, name: string, input: object): Promise<Members> {
  const result: Members = await client.callTool({ name, arguments: { ...input } });
  expect(result.isError).toBe(true);
  expect(result.structuredContent).toBeUndefined();
  const { error } = JSON.parse(result.content[0].text);
  expect(Object.keys(error).sort()).toEqual(['code', 'detail', 'hint', 'message', 'retryable']);
  return error;
}

describe.each(Object.entries(CLIENTS))('%s', (_, connect) => {
  it('delegates, asks, looks, revokes and verifies; every answer passes the schema that was listed', async () => {
    const client = await connected(connect);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'aga_create_artifact',
        'aga_delegate_to_subagent',
        'aga_revoke_artifact',
        'aga_check_permission',
        'aga_inspect',
        'aga_query_chain',
        'aga_verify',
      ]),
    );
    const root = await call(client, 'aga_create_artifact', { permitted_tools: ['files/**'], subject: 'lead' });
    const child = await call(client, 'aga_delegate_to_subagent', { permitted_tools: ['files/read'], ttl_seconds: 60 });
    expect(child.parent_artifact_hash).toBe(root.artifact_hash);
    const asked = { artifact_hash: child.child_artifact_hash, capability: 'tool.call', resource: 'files/read' };
    expect((await call(client, 'aga_check_permission', asked)).allowed).toBe(true);
    expect(await call(client, 'aga_check_permission', { ...asked, resource: 'files/write' })).toMatchObject({
      allowed: false,
      code: 'PERMISSION_DENIED',
      refused_by: { artifact_hash: child.child_artifact_hash, depth: 1 },
    });
    for (const view of ['artifact', 'lineage', 'tree']) await call(client, 'aga_inspect', { view });
    const { head } = await call(client, 'aga_query_chain', { limit: 2 });
    expect(head.size).toBe(3);
    const input = { artifact_hash: child.child_artifact_hash, reason: 'done' };
    expect((await call(client, 'aga_revoke_artifact', { ...input, dry_run: true })).chain).toBeNull();
    expect((await call(client, 'aga_revoke_artifact', input)).revoked_count).toBe(1);
    expect((await call(client, 'aga_revoke_artifact', input)).already_revoked).toBe(true);
    expect(await call(client, 'aga_verify')).toMatchObject({ valid: true, entries_checked: 4 });
    expect(await call(client, 'aga_verify', { target: 'artifact' })).toMatchObject({ valid: true, entries_checked: 1 });
  });

  it('is refused in words that an agent can act on, with nothing written', async () => {
    const client = await connected(connect);
    await client.listTools();
    expect((await refused(client, 'aga_delegate_to_subagent', {})).code).toBe('NO_ARTIFACT');
    await call(client, 'aga_create_artifact', { permitted_tools: ['files/**'] });
    const wide = await refused(client, 'aga_delegate_to_subagent', { permitted_tools: ['mail/*'] });
    expect(wide).toMatchObject({ code: 'LEASE_SUBSET_VIOLATION', retryable: false });
    expect(wide.detail.excess).toHaveLength(1);
    for (const input of [{ bogus: 1 }, { ttl_seconds: 'x' }, { ttl_seconds: 1e9 }, { permitted_tools: 'x' }]) {
      expect((await refused(client, 'aga_delegate_to_subagent', input)).code).toBe('INVALID_REQUEST');
    }
    await expect(client.callTool({ name: 'aga_nothing', arguments: {} })).rejects.toThrow(/aga_nothing/);
    const { entries } = await call(client, 'aga_query_chain');
    expect(entries.map(({ event }: Members) => event.kind)).toEqual([
      'GENESIS',
      'REFUSAL',
      'ARTIFACT_CREATED',
      'REFUSAL',
    ]);
  });

  it('reads the resources and the prompt', async () => {
    const client = await connected(connect);
    const { artifact_hash } = await call(client, 'aga_create_artifact');
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toContain('aga://chain/checkpoint');
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('aga://artifacts/{hash}');
    const read = async (uri: string): Promise<string> => {
      const [content]: Members[] = (await client.readResource({ uri })).contents;
      expect(content.uri).toBe(uri);
      return content.text;
    };
    expect(await read('aga://chain/checkpoint')).toMatch(/^aga-delegate\/\S+\n2\n\S{44}\n\n— /);
    const shown = await call(client, 'aga_inspect', { artifact_hash });
    expect(JSON.parse(await read(`aga://artifacts/${artifact_hash}`))).toEqual(shown.artifact);
    for (const uri of [
      `aga://artifacts/${'f'.repeat(64)}`,
      'aga://artifacts/x',
      'aga://nothing',
      'file:///etc/passwd',
    ]) {
      await expect(client.readResource({ uri })).rejects.toThrow();
    }
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(['delegate-task']);
    const { messages }: Members = await client.getPrompt({ name: 'delegate-task', arguments: { task: 'count files' } });
    expect(messages[0].content.text).toContain('count files');
    await expect(client.getPrompt({ name: 'nothing' })).rejects.toThrow();
    await expect(client.getPrompt({ name: 'delegate-task' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('"task"'),
    });
  });

  it('is told who serves it and how to begin', async () => {
    const client = await connected(connect);
    expect(client.getServerVersion()).toMatchObject({ name: 'aga-delegate' });
    expect(client.getInstructions()).toContain('aga_create_artifact');
  });
});

it('the eras show the same tools and give the same answers', async () => {
  const path = directory();
  const clients = await Promise.all(Object.values(CLIENTS).map((connect) => connect(path)));
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
  const [first] = clients as [AnyClient];
  const { artifact_hash } = await call(first, 'aga_create_artifact', { request_id: 'shared' });
  const seen = await Promise.all(
    clients.map(async (client) => [
      (await client.listTools()).tools,
      await call(client, 'aga_create_artifact', { request_id: 'shared' }),
      await call(client, 'aga_inspect', { artifact_hash }),
      await call(client, 'aga_query_chain'),
    ]),
  );
  for (const each of seen) expect(JSON.stringify(each)).toBe(JSON.stringify(seen[0]));
});
