import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { operator } from '../../../src/caller.ts';
import { type Authority, authority, OPERATOR } from './fixture.ts';

/** So many pages that a listener which stays behind at each of them would be too many for one response. */
const ENTRIES = 7_000;

let site: Authority;
const warnings: string[] = [];
const warn = ({ message }: Error) => warnings.push(message);

beforeAll(async () => {
  site = await authority();
  const { root } = await site.coordinator();
  const caller = operator();
  caller.session.lastRoot = root;
  const question = {
    acts: [{ capability: 'tool.call', resource: 'files/read' }] as const,
    tool: 'files/read',
    argumentsDigest: '',
    requestId: 1,
  };
  const { service } = site.kernel;
  await Promise.all(Array.from({ length: ENTRIES }, () => service.decide(caller, question, 'enforce')));
  process.on('warning', warn);
});
afterAll(async () => {
  process.off('warning', warn);
  await site.close();
});

it('a long history is streamed whole, in order, to who reads more slowly than it is written', async () => {
  const ids = await new Promise<number[]>((resolve, reject) => {
    const found: number[] = [];
    let rest = '';
    const url = `${site.url}/api/v1/chain/events`;
    const request = get(url, { headers: { authorization: `Bearer ${OPERATOR}` } }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        const events = (rest + text).split('\n\n');
        rest = events.pop()!;
        for (const event of events) {
          const id = /^id: (\d+)\n/.exec(event)?.[1];
          if (id !== undefined) found.push(Number(id));
        }
        if (found.length >= ENTRIES) {
          request.destroy();
          resolve(found);
        }
        response.pause();
        setTimeout(() => response.resume(), 1);
      });
    }).on('error', reject);
  });
  expect(ids).toEqual(ids.map((_, at) => at));
  expect(warnings).toEqual([]);
});

describe('of large entries', () => {
  const tools = Array.from({ length: 200 }, (_, at) => `${'x'.repeat(200)}${at}/read`);
  const headers = { authorization: `Bearer ${OPERATOR}` };
  let large: Authority;
  const grow = async (entries: number): Promise<void> => {
    for (let at = 0; at < entries; at++)
      await large.send('POST', '/api/v1/tools/aga_create_artifact', { permissions: { 'tool.call': tools } }, OPERATOR);
  };

  beforeAll(async () => {
    large = await authority();
  });
  afterAll(() => large.close());

  it('a history is streamed whole to who reads, however many bytes a page of it has', async () => {
    const made = 150;
    await grow(made);
    const { body } = await fetch(`${large.url}/api/v1/chain/events`, { headers });
    let events = 0;
    let bytes = 0;
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
      bytes += chunk.length;
      events += chunk.match(/^id: /gm)?.length ?? 0;
      if (events > made) break;
    }
    expect(bytes).toBeGreaterThan(5 << 20);
    expect(events).toBe(made + 1);
  });

  it('news are not kept without end for who does not read: it is let go, whole events behind it', async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${large.url}/api/v1/chain/events?after=150`, { headers }, resolve).on('error', reject);
    });
    const made = 400;
    await grow(made);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    const ids = Array.from(text.matchAll(/^id: (\d+)\ndata: .*\n\n/gm), ([, id]) => Number(id));
    expect(text.endsWith('\n\n')).toBe(true);
    expect(ids).toEqual(ids.map((_, at) => 151 + at));
    expect(ids.length).toBeGreaterThan(50);
    expect(ids.length).toBeLessThan(made);
  });

  it('a history waits in the store for who does not read, and is whole when they do', async () => {
    const reads = vi.spyOn(large.kernel.service, 'read');
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${large.url}/api/v1/chain/events`, { headers }, resolve).on('error', reject);
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const ids: number[] = [];
    let rest = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop()!;
      for (const event of events) if (event.startsWith('id: ')) ids.push(Number.parseInt(event.slice(4), 10));
      if (ids.length > 550) break;
    }
    expect(ids).toEqual(Array.from({ length: 551 }, (_, at) => at));
    // More than two pages: each time only as much as may pile up.
    expect(reads.mock.calls.length).toBeGreaterThan(5);
    reads.mockRestore();
  });
});
