/** Upstreams for tests: the reference servers as they are published, and a hostile one. */
import { join } from 'node:path';
import type { StdioConfig } from '../../../src/edge/gateway/config.ts';
import { Upstream } from '../../../src/edge/gateway/upstream.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PACKAGES = join(ROOT, 'node_modules/@modelcontextprotocol');
/** The Node of this repository: it runs TypeScript. */
export const NODE = join(ROOT, 'node_modules/.bin/node');

export const everything: StdioConfig = {
  command: NODE,
  args: [join(PACKAGES, 'server-everything/dist/index.js')],
  timeout: 60_000,
};

export const filesystem = (...folders: string[]): StdioConfig => ({
  command: NODE,
  args: [join(PACKAGES, 'server-filesystem/dist/index.js'), ...folders],
  timeout: 60_000,
});

export const hostile = (env: Record<string, string> = {}, timeout = 60_000): StdioConfig => ({
  command: NODE,
  args: [join(import.meta.dirname, 'hostile.ts')],
  env,
  timeout,
});

const CLIENT = { name: 'test', version: '1' };

export function upstream(name: string, config: Upstream['config'], log: (text: string) => void = () => {}): Upstream {
  return new Upstream({ name, config, client: CLIENT, log });
}

/** Text of the first content block. */
export function textOf(result: { readonly content: readonly { readonly [name: string]: unknown }[] }): string {
  return String(result.content[0]?.text);
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Waits until `check` holds; throws after `ms`. */
export async function until(check: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  for (const end = performance.now() + ms; ; ) {
    if (await check()) return;
    if (performance.now() > end) throw new Error(`has not happened within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
