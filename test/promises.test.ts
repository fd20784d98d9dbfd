import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROMISES } from './promises.ts';

it.each(Object.entries(PROMISES))('%s: there is a test of it', (_, [file, title]) => {
  expect(readFileSync(join(import.meta.dirname, file), 'utf8')).toContain(`'${title}'`);
});
