import { get } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
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

it('a history of large entries is streamed whole to who reads, however many bytes a page of it has', async () => {
  const large = await authority();
  try {
    const tools = Array.from({ length: 200 }, (_, at) => `${'x'.repeat(200)}${at}/read`);
    const body = { permissions: { 'tool.call': tools } };
    const made = 150;
    for (let at = 0; at < made; at++) await large.send('POST', '/api/v1/tools/aga_create_artifact', body, OPERATOR);
    const { body: stream } = await fetch(`${large.url}/api/v1/chain/events`, {
      headers: { authorization: `Bearer ${OPERATOR}` },
    });
    let events = 0;
    let bytes = 0;
    for await (const chunk of stream!.pipeThrough(new TextDecoderStream())) {
      bytes += chunk.length;
      events += chunk.match(/^id: /gm)?.length ?? 0;
      if (events > made) break;
    }
    expect(bytes).toBeGreaterThan(5 << 20);
    expect(events).toBe(made + 1);
  } finally {
    await large.close();
  }
});
