/**
 * Finds the public test vectors, which are not part of this repository. A test that needs them skips where they are
 * absent and says so; it never passes without having read them.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'vitest';

const shown = process.env.AGA_TEST_VECTORS ?? '../shared/vectors';
const root = resolve(import.meta.dirname, '..', shown);

/** A test that needs the folder `name` of the vectors. */
export function vectorTest(folder: string, title: string, run: () => void | Promise<void>): void {
  test(title, async (context: TestContext) => {
    if (!existsSync(join(root, folder))) {
      const reason = `vectors not found at ${shown}: skipped`;
      console.warn(`${title}: ${reason}`);
      context.skip(reason);
    }
    await run();
  });
}

export function readVector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(root, path)));
}

/** A cast, since every file has its own shape and the tests' counts notice a wrong one. */
export function readJsonVector<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
}

/** Paths below the vectors' root, sorted. */
export function listVectors(pattern: string): string[] {
  return globSync(pattern, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}
