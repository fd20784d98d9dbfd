/** Folding a long chain is linear, so nobody does it for himself alone. */
import { expect, test } from 'vitest';
import { kernel } from './kernel.ts';
import { MemoryCache, MemoryStore } from './store/memory.ts';

const caches = () => ({ snapshot: new MemoryCache(), checkpoint: new MemoryCache() });

test('one that only asks, and had to fold the whole chain, writes the state down for the next', async () => {
  const store = new MemoryStore();
  const writer = kernel({ store });
  const { artifact_hash: root } = await writer.call('aga_create_artifact', { max_children: 5000 });
  const delegate = () => writer.call('aga_delegate_to_subagent', { parent_artifact_hash: root });
  for (let i = 0; i < 9; i++) await Promise.all(Array.from({ length: 250 }, delegate));

  const own = caches();
  let read = 0;
  const counting = new Proxy(store, {
    get(target, name) {
      if (name !== 'read') return Reflect.get(target, name, target).bind(target);
      return async (query: Parameters<MemoryStore['read']>[0]) => {
        const page = await target.read(query);
        read += page.rows.length;
        return page;
      };
    },
  });
  const ask = { artifact_hash: root, capability: 'tool.call', resource: 'x/y' };
  for (const most of [2300, 10]) {
    read = 0;
    const reader = kernel({ store: counting, caches: own });
    expect((await reader.call('aga_check_permission', ask)).allowed).toBe(true);
    // It is saved behind the answer.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(read).toBeLessThan(most);
    expect(await own.snapshot.load()).toBeDefined();
  }
});
