/** The checkpoint that an installation keeps apart from its store, whatever stands in that file. */
import { expect, it } from 'vitest';
import { kernel, ORIGIN } from '../kernel.ts';
import { MemoryCache, MemoryStore } from '../store/memory.ts';

const text = async (cache: MemoryCache): Promise<string> => new TextDecoder().decode(await cache.load());
const ROOT = Buffer.alloc(32).toString('base64');
it.each([
  ['unsigned', (_: string) => `${ORIGIN}\n900000000\n${ROOT}\n\n`],
  ['no note', (_: string) => `${ORIGIN}\n900000000\nx`],
  [
    'signed over another text',
    (head: string) => `${ORIGIN}\n900000000\n${ROOT}\n${head.slice(head.indexOf('\n\n') + 1)}`,
  ],
])('a kept checkpoint that nobody signed is renewed: %s', async (_, forge) => {
  const store = new MemoryStore();
  const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
  const first = kernel({ store, caches });
  await first.call('aga_create_artifact', {});
  await first.service.close();
  const honest = await text(caches.checkpoint);
  await caches.checkpoint.save(new TextEncoder().encode(forge(honest)));
  const next = kernel({ store, caches });
  await next.call('aga_create_artifact', {});
  await next.service.close();
  expect((await text(caches.checkpoint)).split('\n')[1]).toBe('3');
});
it('one under a key that is not known here yet is kept', async () => {
  const store = new MemoryStore();
  const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
  const later = `${ORIGIN}\n900000000\n${ROOT}\n\n— ${ORIGIN} ${Buffer.alloc(68, 7).toString('base64')}\n`;
  await caches.checkpoint.save(new TextEncoder().encode(later));
  const k = kernel({ store, caches });
  await k.call('aga_create_artifact', {});
  await k.service.close();
  expect(await text(caches.checkpoint)).toBe(later);
});
