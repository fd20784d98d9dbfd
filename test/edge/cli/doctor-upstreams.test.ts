/** What `doctor` says of the servers behind the gateway. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directory } from '../../scratch.ts';
import { installation } from './cli.ts';

const MODULES = join(import.meta.dirname, '../../../node_modules/@modelcontextprotocol');
const FILES = join(MODULES, 'server-filesystem/dist/index.js');
const HOSTILE = join(import.meta.dirname, '../gateway/hostile.ts');
const home = installation();

type Finding = { name: string; status: string; message: string; fix?: string };

async function examined(config: object): Promise<{ code: number | null; findings: Finding[] }> {
  const path = join(directory(), 'aga.json');
  writeFileSync(path, JSON.stringify(config));
  const { code, out } = await home.run('doctor', '--json', '--config', path);
  const { checks } = JSON.parse(out) as { checks: Finding[] };
  return { code, findings: checks.filter(({ name }) => name.startsWith('upstream')) };
}

const server = (script: string, ...args: string[]) => ({ command: process.execPath, args: [script, ...args] });

describe('doctor', () => {
  it('finds servers that start and those that do not', async () => {
    const upstreams = {
      good: server(HOSTILE),
      dead: { ...server(HOSTILE), env: { HOSTILE: 'dead' } },
      none: { command: '/nowhere/server' },
    };
    const { code, findings } = await examined({ upstreams });
    expect(code).toBe(1);
    expect(findings.map(({ name, status }) => [name, status])).toEqual([
      ['upstream good', 'ok'],
      ['upstream dead', 'broken'],
      ['upstream none', 'broken'],
    ]);
    expect(findings[2]?.message).toContain('ENOENT');
  });

  it('finds file servers that no map binds, and names the map that would', async () => {
    const upstreams = { files: server(FILES, home.path) };
    const open = await examined({ upstreams });
    expect(open.findings[1]).toMatchObject({ status: 'note', message: expect.stringContaining('"path" of read_file') });
    expect(open.findings[1]?.fix).toContain('"@modelcontextprotocol/server-filesystem"');
    const bound = await examined({ upstreams, maps: { files: '@modelcontextprotocol/server-filesystem' } });
    expect(bound.findings).toMatchObject([{ name: 'upstream files', status: 'ok' }]);
    expect(bound.code).toBe(0);
  });

  it('finds tools that a map does not name', async () => {
    const { findings } = await examined({ upstreams: { up: server(HOSTILE) }, maps: { up: { echo: {} } } });
    expect(findings[1]).toMatchObject({ status: 'note', message: expect.stringContaining('and') });
    expect(findings[1]?.message).not.toContain('echo');
  });
});
