/** One caller's streams are bounded however they come, and leave nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpServer } from '@modelcontextprotocol/server';
import { afterEach, expect, it } from 'vitest';
import { bound } from '../../../src/caller.ts';
import { type Streams, streamsOf } from '../../../src/edge/http/listening.ts';
import type { RpcMessage } from '../../../src/edge/mcp/rpc.ts';
import type { Session } from '../../../src/edge/mcp/session.ts';
import { Watching } from '../../../src/edge/mcp/watching.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'a', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const URL = 'http://127.0.0.1/mcp';
const watched = new Set<string>();
let isEnding = false;
let all: Streams;
afterEach(async () => {
  await all.close();
  expect(watched.size).toBe(0);
});

let count = 0;
/** Watches whatever it is asked to, some of it after a moment. */
const session = {
  onListsChanged: () => () => {},
  async watchResource(uri: string) {
    if (uri.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    if (isEnding && uri.startsWith('aga://artifacts/')) throw new Error('its authority has ended');
    count += 1;
    const name = `${uri} ${count}`;
    watched.add(name);
    return () => void watched.delete(name);
  },
} as unknown as Session; // of which nothing else is asked

function streams(): (artifact: string, uris: readonly string[], signal?: AbortSignal) => Promise<string> {
  isEnding = false;
  const server = () =>
    new McpServer({ name: 'x', version: '1' }, { capabilities: { resources: { subscribe: true, listChanged: true } } });
  all = streamsOf(server, () => {});
  return async (artifact, uris, signal = new AbortController().signal) => {
    const notifications = { resourceSubscriptions: [...uris] };
    const params = { notifications, _meta: META };
    const message = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params } as RpcMessage;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    };
    const request = new Request(URL, { method: 'POST', body: '{}', headers, signal });
    const response = await all.open(request, message, {}, { caller: bound(artifact, 'proof'), session, left: null });
    const { value } = await response.body!.getReader().read();
    return new TextDecoder().decode(value);
  };
}

const isOpen = (text: string): boolean => text.includes('acknowledged');

it('of a hundred that come at once 64 are opened', async () => {
  const listen = streams();
  const said = await Promise.all(Array.from({ length: 100 }, () => listen('a', ['x://1'])));
  expect(said.filter(isOpen)).toHaveLength(64);
  expect(isOpen(await listen('b', ['x://1']))).toBe(true);
});

it('together they watch no more than one could', async () => {
  const listen = streams();
  const uris = Array.from({ length: 500 }, (_, index) => `many://${index}`);
  const said = [
    await listen('a', uris),
    await listen('a', uris),
    await listen('a', ['x://1']),
    await listen('b', uris),
  ];
  expect(said.map(isOpen)).toEqual([true, true, false, true]);
});

it('nothing is left of one that could not begin, or whose client went before it did', async () => {
  const listen = streams();
  isEnding = true;
  await expect(listen('a', ['x://1'])).rejects.toThrow('ended');
  expect(watched.size).toBe(0);
  isEnding = false;
  const gone = new AbortController();
  const late = listen('a', ['x://1', 'x://2'], gone.signal).catch(() => '');
  await new Promise((resolve) => setTimeout(resolve, 7));
  gone.abort();
  await late;
  expect(watched.size).toBe(0);
});

it('a client that goes after memory was tidied is noticed', async () => {
  setFlagsFromString('--expose-gc');
  const tidy: () => void = runInNewContext('gc');
  const listen = streams();
  const gone = new AbortController();
  for (let index = 0; index < 3; index++) expect(isOpen(await listen('a', ['x://1'], gone.signal))).toBe(true);
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    tidy();
  }
  gone.abort();
  expect(watched.size).toBe(0);
});

it('turns of looking do not become more when everybody goes and somebody comes during one', async () => {
  const watching = new Watching();
  let looks = 0;
  let release = (): void => {};
  const nothing = { changed() {}, ended() {} };
  let isSlow = false;
  const stop = await watching.add(async () => {
    if (isSlow) await new Promise<void>((resolve) => (release = resolve));
    isSlow = true;
    return '';
  }, nothing);
  await expect.poll(() => `${release}`.includes('=> {}')).toBe(false);
  stop();
  const end = await watching.add(async () => String(looks++), nothing);
  release();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  end();
  // One when it was added, and five in as many turns.
  expect(looks).toBeLessThanOrEqual(7);
});
