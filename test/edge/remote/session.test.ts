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
