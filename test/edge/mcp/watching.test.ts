/** News are a hint: what is watched is looked at sooner for them, never less often without them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Watching } from '../../../src/edge/mcp/watching.ts';

function watched() {
  const listeners = new Set<() => void>();
  const watching = new Watching((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  });
  const news = (): void => {
    for (const listener of listeners) listener();
  };
  const changes: number[] = [];
  const watch = { changed: () => void changes.push(performance.now()), ended: () => {} };
  return { watching, listeners, news, changes, watch };
}

it('a change is told at once where there was news of it', async () => {
  const { watching, news, changes, watch } = watched();
  let version = 0;
  const stop = await watching.add(async () => String(version), watch);
  for (let round = 1; round <= 5; round++) {
    version += 1;
    const before = performance.now();
    news();
    await expect.poll(() => changes.length, { interval: 5 }).toBe(round);
    expect(changes.at(-1)! - before).toBeLessThan(100);
  }
  version += 1;
  await expect.poll(() => changes.length, { timeout: 2000 }).toBe(6);
  stop();
});

it('news during a look are looked after when it is over, and many of them once', async () => {
  const { watching, news, watch } = watched();
  let looks = 0;
  const stop = await watching.add(async () => {
    looks += 1;
    await sleep(20);
    return '';
  }, watch);
  news();
  await expect.poll(() => looks, { interval: 1 }).toBe(2);
  for (let at = 0; at < 50; at++) news();
  await expect.poll(() => looks, { interval: 1, timeout: 150 }).toBe(3);
  await sleep(60);
  expect(looks).toBe(3);
  stop();
});

it('who watches nothing listens to nothing, and looks at nothing', async () => {
  const { watching, listeners, news, watch } = watched();
  let looks = 0;
  const version = async () => String(looks++);
  const stops = [await watching.add(version, watch), await watching.add(version, watch)];
  expect(listeners.size).toBe(1);
  for (const stop of stops) stop();
  expect(listeners.size).toBe(0);
  news();
  await sleep(250);
  expect(looks).toBe(2);
  const stop = await watching.add(version, watch);
  expect(listeners.size).toBe(1);
  stop();
});
