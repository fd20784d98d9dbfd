/** What the build promises about the file that hosts start. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bundleLibrary, bundleProgram } from '../../../scripts/build.ts';
import { CORS_IS_POSSIBLE, DefaultJsonSchemaValidator } from '../../../scripts/sdk-shims.ts';
import { directory } from '../../scratch.ts';

const folder = directory();

async function program(source: string): Promise<string> {
  const entry = join(folder, 'entry.ts');
  writeFileSync(entry, source);
  const outfile = join(folder, 'program.cjs');
  await bundleProgram(entry, outfile);
  return outfile;
}

/** Runs the program as another Node version would see it; what it wrote to stderr, and how it ended. */
function under(version: string, file: string, command?: string): { stderr: string; code: number | undefined } {
  const seen = { stderr: '', code: undefined as number | undefined };
  const exit = (code: number) => {
    seen.code = code;
    throw new Error('exit');
  };
  const write = (text: string) => {
    seen.stderr += text;
  };
  const argv = ['node', file, ...(command === undefined ? [] : [command])];
  const process = { versions: { node: version }, stderr: { write }, argv, exit, emitWarning: () => {} };
  try {
    runInNewContext(readFileSync(file, 'utf8'), { process, require, module: { exports: {} } });
  } catch (error) {
    if (String(error) !== 'Error: exit') throw error;
  }
  return seen;
}

describe('the program', () => {
  it('is one executable file that knows its version', async () => {
    const file = await program('declare const __VERSION__: string; console.log(__VERSION__);');
    expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n"use strict";/);
    expect(statSync(file).mode & 0o111).toBe(0o111);
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'));
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe(`${version}\n`);
  });

  it('brings no validator of JSON Schema, which nothing asks for', async () => {
    const edge = join(import.meta.dirname, '../../../src/edge');
    for (const user of ['mcp/server.ts', 'gateway/connection.ts']) {
      const file = await program(`import '${join(edge, user)}';`);
      // An option of that validator.
      expect(readFileSync(file, 'utf8').includes('allowMatchingProperties'), user).toBe(false);
      execFileSync(process.execPath, [file]);
    }
    expect(() => new DefaultJsonSchemaValidator().getValidator()).toThrow(/no JSON Schema validator/);
    // The one other thing that the packages ask for: in Node.js a failed fetch was never refused by a browser.
    expect(CORS_IS_POSSIBLE).toBe(false);
  });

  it('turns an old Node away in one line, before it does anything', async () => {
    const file = await program('process.stderr.write("started")');
    for (const version of ['18.20.8', '20.20.2', '22.12.0'])
      expect(under(version, file)).toEqual({
        stderr: `aga-delegate needs Node.js 22.13 or newer; this is ${version}\n`,
        code: 1,
      });
    // A host goes on after a hook that ended with 1.
    expect(under('20.20.2', file, 'hook').code).toBe(2);
    for (const version of ['22.13.0', '22.23.3', '23.0.0', '24.21.0', '100.0.0'])
      expect(under(version, file)).toEqual({ stderr: 'started', code: undefined });
  });

  it('keeps quiet about experimental SQLite, and about nothing else', async () => {
    const file = await program(`
      process.on('warning', ({ name, message }) => console.log(name + ': ' + message));
      process.emitWarning('SQLite is an experimental feature', 'ExperimentalWarning');
      process.emitWarning('Another is an experimental feature', { type: 'ExperimentalWarning' });
      process.emitWarning('SQLite is slow');
    `);
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: 'pipe' })).toBe(
      'ExperimentalWarning: Another is an experimental feature\nWarning: SQLite is slow\n',
    );
  });

  it('and the library are refused with a static import of node:sqlite', async () => {
    const source = `import { DatabaseSync } from 'node:sqlite'; console.log(DatabaseSync);`;
    await expect(program(source)).rejects.toThrow('run time');
    await expect(bundleLibrary(join(folder, 'entry.ts'), join(folder, 'index.js'))).rejects.toThrow('run time');
  });
});
