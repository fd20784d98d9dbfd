import { expect, it } from 'vitest';
import type { Agent } from '../../../src/client/index.ts';
import { remoteSession } from '../../../src/edge/remote/session.ts';

it.each(['application/json', 'text/event-stream'])('an answer (%s) that is cut is a refusal', async (type) => {
  const cut = new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) });
  const open = async () => new Response(cut, { headers: { 'content-type': type } });
  const session = remoteSession({ open } as unknown as Agent, '');
  const { signal } = new AbortController();
  const call = { name: 'aga_inspect', arguments: {}, meta: {}, requestId: 1, signal, progress: () => {} };
  const { isError, content } = await session.callTool(call);
  expect([isError, content[0]?.text]).toEqual([true, expect.stringContaining('UPSTREAM_FAILED')]);
});

it('what an upstream behind the authority says about a request is said here, not that there is no such thing', async () => {
  const error = { code: -32602, message: 'Missing argument: who' };
  const open = async () => Response.json({ jsonrpc: '2.0', id: 1, error });
  const session = remoteSession({ open } as unknown as Agent, '');
  const { signal } = new AbortController();
  const call = { name: 'h__a', arguments: {}, meta: {}, requestId: 1, signal, progress: () => {} };
  for (const asked of [session.callTool(call), session.getPrompt('h__p', {}), session.readResource('mem://a')])
    await expect(asked).rejects.toMatchObject(error);
});

it('a request keeps the id that it has here: it stands on the chain', async () => {
  const ids: unknown[] = [];
  const open = async (_method: string, _path: string, message: { id: unknown }) => {
    ids.push(message.id);
    return Response.json({ jsonrpc: '2.0', id: message.id, result: { content: [] } });
  };
  const session = remoteSession({ open } as unknown as Agent, '');
  const { signal } = new AbortController();
  await session.callTool({ name: 'h__a', arguments: {}, meta: {}, requestId: 'a', signal, progress: () => {} });
  await session.readResource('mem://b', { id: 'b', signal });
  await session.getPrompt('h__c', {}, { id: 7, signal });
  expect(ids).toEqual(['a', 'b', 7]);
});
