import { expect, it } from 'vitest';
import type { UpstreamTransport } from '../../../src/edge/gateway/child.ts';
import { wireOver } from '../../../src/edge/gateway/wire.ts';

it('what sends more than anybody asked for is ended once, and said to be once, however long its end takes', async () => {
  const ends: string[] = [];
  const inner: UpstreamTransport = {
    start: async () => {},
    send: async () => {},
    close: async () => void ends.push('closed'),
  };
  const wire = wireOver(inner, 'loud');
  wire.onerror = ({ message }) => ends.push(message);
  await wire.start();
  const noise = { jsonrpc: '2.0', method: 'notifications/message', params: {} } as const;
  for (let i = 0; i < 30_000; i += 1) inner.onmessage?.(noise);
  for (let i = 0; i < 30_000; i += 1) inner.onerror?.(new Error('no message'));
  expect(ends).toEqual(['sends more than anybody asked for', 'closed']);
});
