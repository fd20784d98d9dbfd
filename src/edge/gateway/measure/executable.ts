/**
 * `EXECUTABLE_IMAGE`: the program that a stdio upstream is, in what files of it can be found.
 *
 * The executable itself; the script that it is given, where its first argument that is no option names a file; and the
 * package around that script: all of it where it was installed (below `node_modules`), its `package.json` where somebody
 * works on it. A command of an installed package is a script itself, and what it is given are its data. What `npx` will
 * fetch cannot be seen before it runs: there it is `npx` that is measured.
 */
import { constants } from 'node:fs';
import { access, open, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { sha256Hex } from '#digest';
import { canonicalize, type Json } from '../../../base/canonical.ts';
import type { StdioConfig } from '../config.ts';
import type { Ask } from '../following.ts';
import { type Look, THOROUGH, treeFacts, Unmeasured } from './tree.ts';

/** Hex SHA-256. Throws `Unmeasured`, also where the executable is not found, and `UPSTREAM_FAILED`. */
export async function executableDigest(config: StdioConfig, ask: Ask, look = THOROUGH): Promise<string> {
  const executable = await locate(config, ask);
  if (executable === undefined) throw new Unmeasured('not found');
  const script = (await isInstalledScript(config, executable, ask)) ? executable : await scriptOf(config, ask);
  const image: { [part: string]: Json } = { executable: await look.content(executable, ask) };
  if (script !== undefined) Object.assign(image, await packageAround(script, ask, look));
  return sha256Hex(canonicalize(image));
}

async function locate({ command, env, cwd = process.cwd() }: StdioConfig, ask: Ask): Promise<string | undefined> {
  if (command.includes('/') || isAbsolute(command)) return real(resolve(cwd, command), ask);
  for (const folder of (env?.PATH ?? process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(resolve(cwd, folder), command);
    const runs = () =>
      access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      );
    if ((await ask(candidate, runs)) && (await isFile(candidate, ask))) return real(candidate, ask);
  }
  return undefined;
}

async function scriptOf({ args = [], cwd = process.cwd() }: StdioConfig, ask: Ask): Promise<string | undefined> {
  const first = args.find((arg) => !arg.startsWith('-'));
  const path = first === undefined ? undefined : resolve(cwd, first);
  return path !== undefined && (await isFile(path, ask)) ? real(path, ask) : undefined;
}

const isInstalled = (path: string): boolean => path.split('/').includes('node_modules');

/** Installed scripts too, and not what will run. */
const RUNNERS = new Set(['npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'corepack']);

async function isInstalledScript({ command }: StdioConfig, executable: string, ask: Ask): Promise<boolean> {
  return isInstalled(executable) && !RUNNERS.has(basename(command)) && (await begins(executable, '#!', ask));
}

const begins = (path: string, text: string, ask: Ask): Promise<boolean> =>
  ask(path, async () => {
    const file = await open(path);
    try {
      const { buffer } = await file.read(Buffer.alloc(text.length), 0, text.length, 0);
      return buffer.toString('latin1') === text;
    } finally {
      await file.close();
    }
  });

async function packageAround(script: string, ask: Ask, look: Look): Promise<{ [part: string]: Json }> {
  const folder = await packageFolder(script, ask);
  const own = { script: await look.content(script, ask) };
  if (folder === undefined) return own;
  if (!isInstalled(script)) return { ...own, manifest: await look.content(join(folder, 'package.json'), ask) };
  const facts = await treeFacts(folder, { ask, look, without: (name) => name === 'node_modules' });
  return { ...own, package: facts.map((fact) => [...fact]) };
}

/** The nearest folder above with a `package.json`, within one installed package. */
async function packageFolder(script: string, ask: Ask): Promise<string | undefined> {
  for (let folder = dirname(script); folder !== dirname(folder); folder = dirname(folder)) {
    if (basename(folder) === 'node_modules') return undefined;
    if (await isFile(join(folder, 'package.json'), ask)) return folder;
  }
  return undefined;
}

const real = (path: string, ask: Ask): Promise<string | undefined> =>
  ask(path, () => realpath(path).catch(() => undefined));

const isFile = (path: string, ask: Ask): Promise<boolean> =>
  ask(path, () =>
    stat(path).then(
      (stats) => stats.isFile(),
      () => false,
    ),
  );
