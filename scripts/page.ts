/** Builds the page that verifies in a browser: style and script inside one file, named by their digests in its policy. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, transform } from 'esbuild';

const PAGE = join(import.meta.dirname, '../src/edge/page');

export async function bundlePage(outfile: string): Promise<void> {
  const html = await readFile(join(PAGE, 'page.html'), 'utf8');
  const style = (
    await transform(await readFile(join(PAGE, 'page.css'), 'utf8'), { loader: 'css', minify: true })
  ).code.trim();
  const { outputFiles } = await build({
    entryPoints: [join(PAGE, 'page.ts')],
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  });
  // A closing tag inside a text would end the script; in JavaScript this is the same text.
  const script = outputFiles[0]!.text.trim().replaceAll('</script', '<\\/script');
  const parts: readonly (readonly [string, string])[] = [
    ['style-digest', digest(style)],
    ['script-digest', digest(script)],
    ['<!-- style -->', `<style>${style}</style>`],
    ['<!-- script -->', `<script>${script}</script>`],
  ];
  const text = parts.reduce((page, [place, part]) => page.replace(place, () => part), html);
  await mkdir(dirname(outfile), { recursive: true });
  await writeFile(outfile, text);
}

const digest = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
