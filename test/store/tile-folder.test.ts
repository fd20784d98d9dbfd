import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { sha256Hex } from '#digest';
import { BUNDLE, tilePath } from '../../src/base/tlog-tiles.ts';
import { TileFolder } from '../../src/store/archive/tile-folder.ts';
import { directory } from '../scratch.ts';

/** A whole bundle, with this text as its entry 7. */
function bundle(text: string): Buffer {
  const entries = Array.from({ length: BUNDLE }, (_, at) => Buffer.from(at === 7 ? text : `entry ${at}`));
  return Buffer.concat(entries.flatMap((entry) => [Buffer.from([entry.length >> 8, entry.length & 255]), entry]));
}

it('a file that was changed is believed again as soon as it is put back, without a restart', async () => {
  const path = directory();
  const file = join(path, tilePath('entries', 0));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(join(path, 'checkpoint'), 'origin\n');
  const files = new TileFolder(path, 'origin');
  const row = { sequence_number: 7, entry_hash: sha256Hex(Buffer.from('\0the text')) };
  writeFileSync(file, bundle('another'));
  for (let i = 0; i < 2; i++) await expect(files.text(row)).rejects.toMatchObject({ code: 'CHAIN_BROKEN' });
  writeFileSync(file, bundle('the text'));
  expect(await files.text(row)).toBe('the text');
});
