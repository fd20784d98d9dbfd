/** What anybody may read. */
import * as z from 'zod';
import { Refusal } from '../../../base/refusal.ts';
import { operator } from '../../../caller.ts';
import { bestFor, witnessedHead } from '../../../evidence/cosigned.ts';
import type { Head } from '../../../ports.ts';
import { type Route, route } from '../route.ts';
import type { Site } from '../site.ts';

const NOTE = 'text/plain; charset=utf-8';

const END = { after: Number.MAX_SAFE_INTEGER, limit: 1 };

/** Asked as an act is: where the chain does not continue what was seen here, that is said, and its head is not passed on. */
function head({ service }: Site): Promise<Head | null> {
  return service.read(operator(), async (reader) => (await reader.read(END)).head);
}

export const health = route({
  method: 'GET',
  path: '/healthz',
  summary:
    'Whether the server can read its chain, which is the one that it knows, and has not just failed to write to it',
  access: 'anyone',
  output: z.strictObject({ status: z.literal('ok'), entries: z.int() }),
  async answer(_, site) {
    const { size = 0 } = (await head(site)) ?? {};
    const { unwritable } = site.service;
    if (unwritable) throw unwritable;
    return { json: { status: 'ok', entries: size } };
  },
});

export const checkpoint = route({
  method: 'GET',
  path: '/checkpoint',
  summary: 'The signed head of the chain: a C2SP checkpoint, with the cosignatures that it has got',
  access: 'anyone',
  media: ['text/plain'],
  async answer(_, site) {
    const at = await head(site);
    return { text: at ? await witnessedHead(site.service.reader, at) : '', type: NOTE };
  },
});

export const cosignedCheckpoint = route({
  method: 'GET',
  path: '/checkpoint/cosigned',
  summary: 'The checkpoint that most witnesses have cosigned, of these the newest: it may be behind the head',
  access: 'anyone',
  media: ['text/plain'],
  async answer(_, site) {
    const at = await head(site);
    const best = at && (await bestFor(site.service.reader, at, () => true));
    if (!best) throw new Refusal('NOT_FOUND', 'No witness has cosigned a checkpoint.');
    return { text: best.checkpoint, type: NOTE };
  },
});

export const prometheus = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Numbers for Prometheus',
  access: 'anyone',
  media: ['text/plain'],
  async answer(_, site) {
    // As the store has it, right or wrong: who watches the numbers shall see them fall.
    const size = await whileThere(async () => (await site.service.reader.read(END)).head?.size ?? 0);
    const witnesses = (await whileThere(async () => site.witnesses?.list())) ?? [];
    const cosigned = new Map(witnesses.map(({ name, cosigned }) => [name, cosigned ?? 0]));
    return { text: site.metrics.text(size, cosigned), type: 'text/plain; version=0.0.4; charset=utf-8' };
  },
});

/** Null while the store is away. */
async function whileThere<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal && error.body.retryable) return null;
    throw error;
  }
}

/** Made at the first question. */
export function description(describe: () => object): Route {
  let described: object | undefined;
  return route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    access: 'anyone',
    output: z.looseObject({ openapi: z.string() }),
    async answer() {
      described ??= describe();
      return { json: described };
    },
  });
}
