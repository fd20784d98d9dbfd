/**
 * Builds what is published: one file that runs (`dist/aga-delegate.cjs`), those that are imported (`dist/index.js`,
 * `dist/client.js`, `dist/verify.js`), and the page that verifies in a browser (`dist/verify.html`).
 *
 * One bundled file starts in a third of the time that the same code takes from `node_modules`, and CommonJS starts
 * faster than ESM.
 */
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile, transform } from 'esbuild';
import { bundlePage } from './page.ts';

const ROOT = join(import.meta.dirname, '..');
const SHIMS = join(ROOT, 'scripts/sdk-shims.ts');

/** A Node that is too old must still be able to read the whole file, or it never gets to the line that says so. */
const OLDEST_THAT_READS = 'node18';

/** `entry` as a program; `outfile` is made executable. */
export async function bundleProgram(entry: string, outfile: string): Promise<void> {
  const prelude = await readFile(join(ROOT, 'scripts/prelude.cjs'), 'utf8');
  const { code } = await transform(prelude, { minify: true, target: OLDEST_THAT_READS });
  await bundle({
    entryPoints: [entry],
    outfile,
    format: 'cjs',
    target: OLDEST_THAT_READS,
    // The directive is one only where nothing but comments stands before it.
    banner: { js: `#!/usr/bin/env node\n"use strict";${code.trim()}` },
  });
  await chmod(outfile, 0o755);
}

/** Whoever imports it reads it where an error is not caught, and minifies what is published further. */
export async function bundleLibrary(entry: string, outfile: string): Promise<void> {
  await bundle({ entryPoints: [entry], outfile, format: 'esm', target: 'node22', minify: false });
}

/** For browsers and edges: nothing of Node is left in it. */
async function bundlePortable(entry: string, outfile: string): Promise<void> {
  await bundle({ entryPoints: [entry], outfile, format: 'esm', target: 'es2023', platform: 'browser', minify: false });
}

async function bundle(options: BuildOptions & { entryPoints: string[]; outfile: string }): Promise<void> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const { metafile } = await build({
    bundle: true,
    minify: true,
    platform: 'node',
    legalComments: 'none',
    // The PostgreSQL driver asks for its native half only where somebody has installed it and wants it.
    external: ['pg-native'],
    alias: { '@modelcontextprotocol/client/_shims': SHIMS, '@modelcontextprotocol/server/_shims': SHIMS },
    define: { __VERSION__: JSON.stringify(version) },
    logLevel: 'warning',
    ...options,
    metafile: true,
  });
  refuseImports(metafile, options.outfile);
  refuseWeight(metafile, options.outfile);
}

/** A static import fails on an old Node before our own message can be printed; see `process.getBuiltinModule`. */
function refuseImports(metafile: Metafile, outfile: string): void {
  for (const { imports } of Object.values(metafile.outputs))
    for (const { path } of imports)
      if (path === 'node:sqlite') throw new Error(`${outfile}: node:sqlite must be loaded at run time, not imported`);
}

/** The MCP packages may ask for their validator by another way one day, see `sdk-shims.ts`. */
function refuseWeight({ inputs }: Metafile, outfile: string): void {
  for (const path of Object.keys(inputs))
    if (/ajv/i.test(path)) throw new Error(`${outfile}: ${path} was built in, and is never used`);
}

if (import.meta.main) {
  await Promise.all([
    bundleProgram(join(ROOT, 'src/main.ts'), join(ROOT, 'dist/aga-delegate.cjs')),
    bundleLibrary(join(ROOT, 'src/index.ts'), join(ROOT, 'dist/index.js')),
    bundlePortable(join(ROOT, 'src/index.ts'), join(ROOT, 'dist/index.portable.js')),
    bundleLibrary(join(ROOT, 'src/client/index.ts'), join(ROOT, 'dist/client.js')),
    bundlePortable(join(ROOT, 'src/client/index.ts'), join(ROOT, 'dist/client.portable.js')),
    bundleLibrary(join(ROOT, 'src/verify.ts'), join(ROOT, 'dist/verify.js')),
    bundlePortable(join(ROOT, 'src/verify.ts'), join(ROOT, 'dist/verify.portable.js')),
    bundlePage(join(ROOT, 'dist/verify.html')),
  ]);
}
