import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { clean, SERVER } from './program.ts';

it('a person who waits for a database that is away is told so at once, without its password', async () => {
  // Nobody listens on port 1.
  const env = { ...clean(), AGA_DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x', AGA_DATA_DIR: directory() };
  const began = performance.now();
  const child = spawn(process.execPath, [SERVER, 'tree'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [chunk] = await once(child.stderr, 'data');
  expect(performance.now() - began).toBeLessThan(5_000);
  child.kill();
  expect(String(chunk)).toContain('waiting for it');
  expect(String(chunk)).not.toContain('hunter2');
});
