/** Where exported evidence is kept cannot be written: whoever asked is told so, without paths. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { fileArchive } from '../../src/store/file-archive.ts';
import { directory } from '../scratch.ts';

const UNWRITABLE = /^The evidence could not be written: .*\(E[A-Z]+\)\.$/;

async function refused(act: Promise<unknown>): Promise<void> {
  const error = await act.then(
    () => 'done',
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect(error.body).toMatchObject({ code: 'INTERNAL', message: expect.stringMatching(UNWRITABLE) });
  expect(JSON.stringify(error.body)).not.toContain('/');
}

test('a file stands where the folder should', async () => {
  const path = join(directory(), 'evidence');
  writeFileSync(path, '');
  await refused(fileArchive(path).save('a', '{}'));
  await refused(fileArchive(path).draft('a'));
});

test('the folder is gone when the file is whole', async () => {
  const path = join(directory(), 'evidence');
  const draft = await fileArchive(path).draft('a');
  await draft.rewind(0, 0);
  await draft.write(new TextEncoder().encode('{}'));
  rmSync(path, { recursive: true });
  await refused(draft.note('x'));
  await refused(draft.finish('a'));
  mkdirSync(path);
  await draft.close();
});
