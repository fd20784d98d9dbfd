/** What anybody may read. */
import type { Head } from '../../../ports.ts';
import { type Route, route } from '../route.ts';
import type { Site } from '../site.ts';

async function head({ service }: Site): Promise<Head | null> {
  return (await service.reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 })).head;
}

export const health = route({
  method: 'GET',
  path: '/healthz',
  summary: 'Whether the server can read its chain',
  access: 'anyone',
  async answer(_, site) {
    const { size = 0 } = (await head(site)) ?? {};
    return { json: { status: 'ok', entries: size } };
  },
});

export const checkpoint = route({
  method: 'GET',
  path: '/checkpoint',
  summary: 'The signed head of the chain: a C2SP checkpoint',
  access: 'anyone',
  async answer(_, site) {
    return { text: (await head(site))?.checkpoint ?? '', type: 'text/plain; charset=utf-8' };
  },
});

export const prometheus = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Numbers for Prometheus',
  access: 'anyone',
  async answer(_, site) {
    const { size = 0 } = (await head(site)) ?? {};
    return { text: site.metrics.text(size), type: 'text/plain; version=0.0.4; charset=utf-8' };
  },
});

/** Made at the first question. */
export function description(describe: () => object): Route {
  let described: object | undefined;
  return route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    access: 'anyone',
    async answer() {
      described ??= describe();
      return { json: described };
    },
  });
}
