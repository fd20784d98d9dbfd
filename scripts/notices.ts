/** Writes `dist/NOTICES.txt`: the licences of what is bundled with ours, which have to go with every copy of it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** Of every package that is part of the program, sorted by name. */
export async function notices(): Promise<string> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts', 'src/index.ts', 'src/edge/page/page.ts'],
    outdir: 'dist',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    external: ['pg-native'],
    logLevel: 'warning',
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = new Set(used.flatMap((path) => PACKAGE.exec(path)?.[1] ?? []));
  return (await Promise.all([...folders].sort().map(noticeOf))).join(`\n${'-'.repeat(80)}\n\n`);
}

async function noticeOf(folder: string): Promise<string> {
  const at = join(ROOT, folder);
  const { name, version, license, author } = JSON.parse(await readFile(join(at, 'package.json'), 'utf8'));
  const files = (await readdir(at)).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(at, file), 'utf8')));
  // Two packages ship no text; whose they are and under which licence is what they say.
  const said = texts.length > 0 ? texts : [`Copyright ${author?.name ?? author}\n`];
  return `${name} ${version}, ${license}\n\n${said.map((text) => text.trim()).join('\n\n')}\n`;
}

if (import.meta.main) await writeFile(join(ROOT, 'dist/NOTICES.txt'), await notices());
