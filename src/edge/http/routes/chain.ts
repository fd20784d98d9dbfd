/** The chain over HTTP: page by page, or as it grows. */
import * as z from 'zod';
import { Refusal } from '../../../base/refusal.ts';
import { queryChain } from '../../../tools/query-chain.ts';
import { route } from '../route.ts';

const INTEGER = /^-?\d{1,16}$/;
const NUMBERS = new Set(['after', 'limit']);

export const readChain = route({
  method: 'GET',
  path: '/api/v1/chain',
  summary: 'Read entries of the chain, oldest first',
  access: 'bearer',
  query: queryChain.input,
  output: queryChain.output,
  async answer({ query, caller }, { service }) {
    return { json: await service.call(queryChain, inputOf(query), caller) };
  },
});

/** The tool's input from the query; a parameter given twice has no one meaning. */
function inputOf(query: URLSearchParams): object {
  const names = [...query.keys()];
  if (new Set(names).size !== names.length) throw new Refusal('INVALID_REQUEST', 'A query parameter is given twice.');
  return Object.fromEntries(
    Array.from(query, ([name, text]) => [name, NUMBERS.has(name) && INTEGER.test(text) ? Number(text) : text]),
  );
}

export const followChain = route({
  method: 'GET',
  path: '/api/v1/chain/events',
  summary: 'Follow the chain: server-sent events, one an entry; Last-Event-ID resumes',
  access: 'bearer',
  media: ['text/event-stream'],
  query: z.strictObject({
    after: z.int().min(-1).optional().describe('Begin behind this sequence number. Omit for the first entry'),
  }),
  async answer({ query, headers, caller, until }, { service, tail, metrics }) {
    const after = sequenceIn(headers['last-event-id'] ?? query.get('after') ?? '-1');
    // A caller that may not read gets an error status, not an empty stream.
    await service.read(caller, async () => undefined);
    return {
      stream(response) {
        response.once('close', metrics.open('streams'));
        void tail.open({ caller, until, after }, response);
      },
    };
  },
});

const isAfter = (number: number): boolean => Number.isSafeInteger(number) && number >= -1;

function sequenceIn(text: string | readonly string[]): number {
  if (typeof text === 'string' && INTEGER.test(text) && isAfter(Number(text))) return Number(text);
  throw new Refusal('INVALID_REQUEST', 'Last-Event-ID (or after) must be the sequence number of an entry.');
}
