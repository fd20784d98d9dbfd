/** An authority of one's own, as `aga-delegate serve` runs it, and a coordinator that is connected to it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Agent, connect } from 'aga-delegate/client';

const HERE = import.meta.dirname;
const SERVER = join(HERE, '../dist/aga-delegate.cjs');
export const LIBRARY = join(HERE, 'library');

export interface Authority {
  /** The coordinator's side of the authority. */
  readonly ctx: Agent;
  /** The tree below the coordinator, and what is left of its budget. */
  budgetLeft(): Promise<string>;
  close(): Promise<void>;
}

/** Starts the authority and gives a coordinator these permissions. */
export async function authority(permissions: { readonly [capability: string]: readonly string[] }): Promise<Authority> {
  const dataDir = mkdtempSync(join(tmpdir(), 'aga-example-'));
  const config = join(dataDir, 'aga-delegate.json');
  writeFileSync(config, JSON.stringify(configuration()));
  const token = `operator-${crypto.randomUUID()}`;
  const server = spawn(
    process.execPath,
    [SERVER, 'serve', '--http', '127.0.0.1:0', '--data-dir', dataDir, '--config', config],
    {
      env: { ...process.env, AGA_OPERATOR_TOKEN: token },
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  );
  // However this program ends, the authority ends with it.
  process.once('exit', () => server.kill());
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = await listening(server.stderr);
  const operator = async (tool: string, input: object): Promise<any> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1/tools/${tool}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(input),
    });
    const answer: any = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    return answer;
  };
  const root = await operator('aga_create_artifact', { subject: 'operator', permissions, max_depth: 9 });
  const { enrollment } = await operator('aga_delegate_to_subagent', {
    parent_artifact_hash: root.artifact_hash,
    sub_agent_id: 'coordinator',
    permissions,
    enroll: true,
  });
  const ctx = await connect({ server: url, token: enrollment.token });
  return {
    ctx,
    async budgetLeft() {
      const { tree } = (await ctx.call('aga_inspect', { view: 'tree' })) as any;
      return tree[0].budget_left.join(', ');
    },
    async close() {
      await ctx.close();
      server.kill('SIGTERM');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Agents, the servers behind the gateway, what their arguments mean, and what a call costs. */
function configuration(): object {
  const agent = (name: string) => ({
    command: process.execPath,
    args: ['--no-warnings', join(HERE, `agents/${name}.ts`)],
    env: { EXAMPLE_SERVER: JSON.stringify([process.execPath, SERVER]) },
    max_runtime_seconds: 60,
  });
  const filesystem = join(HERE, '../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
  return {
    agents: {
      'file-search@1.0.0': agent('file-search'),
      'web-search@1.0.0': agent('web-search'),
      'planner@1.0.0': agent('planner'),
      'researcher@1.0.0': agent('researcher'),
      'relay@1.0.0': agent('relay'),
    },
    upstreams: {
      files: { command: process.execPath, args: [filesystem, LIBRARY] },
      web: { command: process.execPath, args: ['--no-warnings', join(HERE, 'upstreams/web.ts')] },
    },
    maps: { files: '@modelcontextprotocol/server-filesystem', web: { fetch: { '/url': 'net.fetch' } } },
    prices: { 'web/fetch': { per_call: 'USD:0.10' } },
    job_grace_seconds: 2,
  };
}

async function listening(stderr: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: stderr });
  return new Promise((resolve, reject) => {
    const told: string[] = [];
    lines.on('line', (line) => {
      told.push(line);
      const url = /^listening on (\S+)$/.exec(line)?.[1];
      if (url) resolve(url);
    });
    lines.once('close', () => reject(new Error(`the authority did not start: ${told.join('\n')}`)));
  });
}
