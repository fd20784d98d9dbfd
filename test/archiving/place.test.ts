/** Where an archive may stand: not among the files that this installation works with, whatever way leads there. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { refuseTaken } from '../../src/archiving/place.ts';
import { directory } from '../scratch.ts';

function home(): { readonly path: string; readonly outside: string } {
  const root = directory();
  const path = join(root, 'state');
  for (const folder of ['evidence', 'other', 'empty', 'archive/tile', 'archive/tile/0', 'deep/archive/tile'])
    mkdirSync(join(path, folder), { recursive: true });
  for (const file of ['chain.db', 'checkpoint', 'evidence/one.json', 'other/log.key', 'archive/checkpoint'])
    writeFileSync(join(path, file), '');
  symlinkSync(path, join(root, 'link'));
  return { path, outside: root };
}

const judged = (folder: string, path: string): Promise<string> =>
  refuseTaken(folder, path).then(
    () => 'fine',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );

it('refuses the data directory and its own files, by any name', async () => {
  const { path, outside } = home();
  const places = ['', 'evidence', 'other', 'chain.db', 'archive/..', 'archive/tile'];
  for (const place of [...places.map((each) => join(path, each)), join(outside, 'link'), join(outside, 'link/other')])
    expect([place, await judged(place, path)]).toEqual([place, expect.stringMatching(/^INVALID_REQUEST .*data dir/)]);
});

it('takes a folder of its own there, new or not, and any folder elsewhere', async () => {
  const { path, outside } = home();
  for (const place of [
    join(path, 'archive'),
    join(path, 'new'),
    join(path, 'empty'),
    join(path, 'deep/archive'),
    join(path, 'new/deeper'),
  ])
    expect([place, await judged(place, path)]).toEqual([place, 'fine']);
  for (const place of [outside, join(outside, 'state-2'), join(outside, 'away/from/here'), '/'])
    expect([place, await judged(place, path)]).toEqual([place, 'fine']);
});
