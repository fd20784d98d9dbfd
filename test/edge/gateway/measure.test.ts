/** Measurements: the same while nothing changed, another for every change that matters. */
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askFor } from '../../../src/edge/gateway/following.ts';
import { executableDigest } from '../../../src/edge/gateway/measure/executable.ts';
import { fileSystemDigest } from '../../../src/edge/gateway/measure/files.ts';
import { manifestDigest } from '../../../src/edge/gateway/measure/manifest.ts';
import { directory } from '../../scratch.ts';
import { everything, hostile, upstream } from './upstreams.ts';

const ask = askFor(60_000);

describe('the manifest of tools', () => {
  const tool = { name: 'b', description: 'Reads.', inputSchema: { type: 'object' } };
  const other = { name: 'a', inputSchema: { type: 'object' } };

  it('does not depend on order, and on everything else', () => {
    expect(manifestDigest([tool, other])).toBe(manifestDigest([other, { ...tool }]));
    const changed = [
      [tool],
      [tool, other, { ...other, name: 'c' }],
      [{ ...tool, description: 'Reads, and mails it home.' }, other],
      [{ ...tool, inputSchema: { type: 'object', properties: { x: {} } } }, other],
      [{ ...tool, annotations: { readOnlyHint: true } }, other],
      [{ ...tool, _meta: {} }, other],
    ];
    const digests = [[tool, other], ...changed].map((tools) => manifestDigest(tools));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('of a server is the same at each start, unless it changes what it says', async () => {
    const digestOf = async (config: Parameters<typeof upstream>[1]) => {
      const up = upstream('u', config);
      const digest = manifestDigest(await up.tools());
      await up.close();
      return digest;
    };
    expect(await digestOf(everything)).toBe(await digestOf(everything));
    const renamed = hostile({ HOSTILE: 'renamed' });
    expect(await digestOf(renamed)).not.toBe(await digestOf(renamed));
  });
});

describe('the image of an executable', () => {
  it('is of executable and script, wherever they are named from', async () => {
    const at = directory();
    const script = join(at, 'server.js');
    writeFileSync(script, 'one');
    const config = { command: 'node', args: ['--no-warnings', 'server.js', '/data'], cwd: at, timeout: 1 };
    const before = await executableDigest(config, ask);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    expect(await executableDigest({ ...config, args: [script] }, ask)).toBe(before);
    writeFileSync(script, 'two');
    expect(await executableDigest(config, ask)).not.toBe(before);
    await expect(executableDigest({ ...config, command: 'no-such-program' }, ask)).rejects.toThrow('not found');
  });

  it('is of the whole package where it is an installed one', async () => {
    const at = join(directory(), 'node_modules/pkg');
    mkdirSync(join(at, 'lib'), { recursive: true });
    mkdirSync(join(at, 'node_modules/dep'), { recursive: true });
    for (const file of ['package.json', 'main.js', 'lib/part.js', 'node_modules/dep/x.js'])
      writeFileSync(join(at, file), '{}');
    const config = { command: '/bin/sh', args: [join(at, 'main.js')], timeout: 1 };
    const before = await executableDigest(config, ask);
    writeFileSync(join(at, 'node_modules/dep/x.js'), '1');
    expect(await executableDigest(config, ask)).toBe(before);
    writeFileSync(join(at, 'lib/part.js'), '1');
    expect(await executableDigest(config, ask)).not.toBe(before);
  });

  it('is of the whole package where the command is one of an installed package, and of no file that it works on', async () => {
    const at = join(directory(), 'node_modules');
    mkdirSync(join(at, '.bin'), { recursive: true });
    mkdirSync(join(at, 'pkg'));
    writeFileSync(join(at, 'pkg/package.json'), '{}');
    writeFileSync(join(at, 'pkg/main.js'), '#!/usr/bin/env node', { mode: 0o755 });
    writeFileSync(join(at, 'pkg/part.js'), 'one');
    writeFileSync(join(at, 'data'), 'one');
    symlinkSync('../pkg/main.js', join(at, '.bin/pkg'));
    const config = { command: join(at, '.bin/pkg'), args: [join(at, 'data')], timeout: 1 };
    const before = await executableDigest(config, ask);
    writeFileSync(join(at, 'data'), 'two');
    expect(await executableDigest(config, ask)).toBe(before);
    writeFileSync(join(at, 'pkg/part.js'), 'two');
    expect(await executableDigest(config, ask)).not.toBe(before);
  });

  it('is of where a link leads', async () => {
    const at = directory();
    writeFileSync(join(at, 'one'), '#!/bin/sh');
    symlinkSync('one', join(at, 'link'));
    const config = { command: './link', cwd: at, timeout: 1 };
    expect(await executableDigest(config, ask)).toBe(
      await executableDigest({ ...config, command: join(at, 'one') }, ask),
    );
  });
});

describe('the state of files', () => {
  it('is another for every kind of change', async () => {
    const at = directory();
    mkdirSync(join(at, 'sub'));
    writeFileSync(join(at, 'sub/file'), 'one');
    symlinkSync('file', join(at, 'sub/link'));
    const seen = [await fileSystemDigest([at], ask)];
    const changes = [
      () => writeFileSync(join(at, 'sub/file'), 'two'),
      () => chmodSync(join(at, 'sub/file'), 0o755),
      () => writeFileSync(join(at, 'sub/new'), ''),
      () => renameSync(join(at, 'sub/new'), join(at, 'sub/newer')),
      () => mkdirSync(join(at, 'empty')),
      () => renameSync(join(at, 'sub'), join(at, 'other')),
    ];
    for (const change of changes) {
      change();
      expect(await fileSystemDigest([at], ask)).toBe(await fileSystemDigest([at, at], ask));
      seen.push(await fileSystemDigest([at], ask));
    }
    seen.push(await fileSystemDigest([at, '/no/such/path'], ask));
    expect(new Set(seen).size).toBe(seen.length);
  });
});
