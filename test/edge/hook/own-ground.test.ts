import { mkdirSync, symlinkSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ownGround } from '../../../src/edge/hook/own-ground.ts';
import { directory } from '../../scratch.ts';

vi.mock('node:os', async (real) => ({ ...(await real<object>()), homedir: vi.fn(), userInfo: vi.fn() }));

it('is that of the user, also where HOME is empty, and by where its links lead', async () => {
  const home = directory();
  mkdirSync(join(home, 'dotfiles'));
  symlinkSync(join(home, 'dotfiles'), join(home, '.claude'));
  vi.mocked(homedir).mockReturnValue('');
  vi.mocked(userInfo).mockReturnValue({ homedir: home } as ReturnType<typeof userInfo>);
  const write = (path: string) => ownGround([{ capability: 'fs.write', resource: join(home, path) }], directory());
  expect(await write('dotfiles/settings.json')).toMatchObject({ code: 'PERMISSION_DENIED' });
  expect(await write('dotfiles/notes.md')).toBeUndefined();
});
