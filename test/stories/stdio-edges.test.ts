/** The edges of the stdio server, tried from outside: what is not there, what is too large, where nothing can be kept. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Answered, host, start } from './host.ts';

describe('a resource', () => {
  it('that is foreign or unknown is ARTIFACT_NOT_FOUND, in the same bytes', async () => {
    const path = directory();
    const operator = await start(path);
    const root = await operator.call('aga_create_artifact');
    const own = await operator.call('aga_delegate_to_subagent', { sub_agent_id: 'own' });
    const sibling = await operator.call('aga_delegate_to_subagent', { sub_agent_id: 'sibling' });
    const agent = await start(path, { args: ['--artifact', own.child_artifact_hash] });
    const read = (name: string) => agent.request('resources/read', { uri: `aga://${name}` });
    const answers: (Answered['error'] | undefined)[] = [];
    for (const hash of ['f'.repeat(64), root.artifact_hash, sibling.child_artifact_hash, 'garbage']) {
      answers.push((await read(`artifacts/${hash}`)).error, (await read(`evidence/${hash}`)).error);
    }
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(answers[0]).toMatchObject({
      code: -32602,
      data: { error: { code: 'ARTIFACT_NOT_FOUND', retryable: false } },
    });
    expect((await read(`artifacts/${own.child_artifact_hash}`)).result?.contents).toHaveLength(1);
  });
});

describe('a message of more than 10 MiB', () => {
  const text = JSON.stringify('x'.repeat(11 * 1024 * 1024));
  const params = `"params":{"name":"aga_create_artifact","arguments":{"subject":${text}}}`;
  it.each([
    ['before', (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call",${params}}`],
    ['behind', (id: string) => `{"method":"tools/call",${params},"jsonrpc":"2.0","id":${id}}`],
  ])('is refused to the one who waits for it, wherever its id stands: %s', async (_, line) => {
    const server = await start(directory());
    const next = new Promise<Answered & { id: unknown }>((resolve) => {
      server.child.stdout.once('data', (chunk) => resolve(JSON.parse(String(chunk))));
    });
    server.send(line('"big-1"'));
    const { id, result } = await next;
    expect(id).toBe('big-1');
    expect(result?.isError).toBe(true);
    expect(JSON.parse(result?.content[0].text).error.code).toBe('INVALID_REQUEST');
    expect((await server.call('aga_query_chain')).head.size).toBe(1);
  });
});

describe('a data directory that is a file', () => {
  it('ends the process, and the file stays as it is', async () => {
    const file = join(directory(), 'file');
    writeFileSync(file, 'mine', { mode: 0o644 });
    await expect(host(file)).rejects.toThrow(/exited with 1: aga-delegate: Cannot use the data directory/);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });
});
