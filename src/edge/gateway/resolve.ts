/**
 * Where a path really leads: its symbolic links followed as far as it exists, the rest as it stands.
 *
 * `realpath` alone is not enough. It knows nothing of a path whose end does not exist yet, and a link that leads nowhere
 * counts for it as a path that does not exist, while a write to it goes where it leads.
 */
import { lstat, readlink, realpath } from 'node:fs/promises';
import { posix } from 'node:path';

/** As the kernel has it. */
const MAX_LINKS = 40;

/** `undefined` for a path that cannot be followed: too many links, or a folder that is closed to us. */
export async function resolvePath(path: string): Promise<string | undefined> {
  if (path === '/') return path;
  const [bare, slash] = path.length > 1 && path.endsWith('/') ? [path.slice(0, -1), '/'] : [path, ''];
  const real = await realpath(bare).catch((error: NodeJS.ErrnoException) => error.code ?? '');
  if (real.startsWith('/')) return withSlash(real, slash);
  const walked = real === 'ENOENT' || real === 'ENOTDIR' ? await walk(bare) : undefined;
  return walked === undefined ? undefined : withSlash(walked, slash);
}

const withSlash = (path: string, slash: string): string => (path === '/' ? path : path + slash);

async function walk(path: string): Promise<string | undefined> {
  let links = 0;
  let at = '/';
  let rest = segments(path);
  for (let segment = rest.shift(); segment !== undefined; segment = rest.shift()) {
    if (segment === '..') {
      // Only the target of a link holds one; `at` has no links left in it.
      at = posix.dirname(at);
      continue;
    }
    const next = posix.join(at, segment);
    const target = await linkAt(next);
    if (target === 'closed') return undefined;
    if (target === 'nothing') return posix.join(next, ...rest);
    if (target === 'no link') {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    rest = [...segments(target.to), ...rest];
    if (target.to.startsWith('/')) at = '/';
  }
  return at;
}

const segments = (path: string): string[] => path.split('/').filter((segment) => segment !== '' && segment !== '.');

async function linkAt(path: string): Promise<{ readonly to: string } | 'no link' | 'nothing' | 'closed'> {
  try {
    return (await lstat(path)).isSymbolicLink() ? { to: await readlink(path) } : 'no link';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what node:fs rejects with
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'nothing' : 'closed';
  }
}
