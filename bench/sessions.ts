/**
 * What sessions cost that do nothing: agents with an artifact each, connected over Streamable HTTP to one `serve`, half
 * of them in each protocol era, who have listed the tools of an upstream with fifty and made one call.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { agentKey, enrolmentProof, freshSeed } from '../src/client/key.ts';
import type { Figure } from './measure.ts';

const SESSIONS = 200;
const MOST_MIB = 250;
const TOKEN = 'operator-of-the-memory-bench';
/** Before what is kept is looked at: time for whatever is put off. */
const IDLE_MS = 5_000;

interface Answer {
  readonly artifact_hash: string;
  readonly enrollment: { readonly token: string };
  readonly sessionToken: string;
}

async function post(url: string, body: object, token?: string): Promise<Answer> {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return (await response.json()) as Answer; // of our own server
}

/** An agent with an artifact of its own, connected, who knows its tools. */
async function agent(url: string, root: string, index: number): Promise<Client> {
  const { enrollment } = await post(
    `${url}/api/v1/tools/aga_delegate_to_subagent`,
    { parent_artifact_hash: root, sub_agent_id: `agent-${index}`, enroll: true },
    TOKEN,
  );
  const { token } = enrollment;
  const key = agentKey(freshSeed());
  const publicKey = key.id;
  const proof = enrolmentProof(token.slice('lt-delegate-'.length, token.indexOf('.')), key);
  const { sessionToken } = await post(`${url}/api/v1/agents/enroll`, { enrollmentToken: token, publicKey, proof });
  const modern = index % 2 === 1;
  const client = new Client(
    { name: 'bench', version: '1' },
    {
      versionNegotiation: { mode: modern ? { pin: '2026-07-28' } : 'legacy' },
      // In the later era this holds a stream open for as long as the session lasts.
      ...(modern && { listChanged: { tools: { autoRefresh: false, onChanged: () => {} } } }),
    },
  );
  const requestInit = { headers: { authorization: `Bearer ${sessionToken}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  const { tools } = await client.listTools();
  const ours = tools.filter(({ name }) => name.startsWith('up__'));
  if (ours.length !== 50) throw new Error(`${ours.length} tools of 50`);
  const { isError } = await client.callTool({ name: 'up__tool-7', arguments: { query: 'x' } });
  if (isError) throw new Error('the call was refused');
  return client;
}

const mebibytes = (pid: number): number => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024;

/** `program` is the built one. */
export async function sessions(program: string): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aga-bench-'));
  const config = join(folder, 'config.json');
  const upstream = { command: process.execPath, args: [join(import.meta.dirname, 'fifty.main.ts')] };
  writeFileSync(config, JSON.stringify({ upstreams: { up: upstream } }));
  const env = { ...process.env, AGA_DATA_DIR: join(folder, 'data'), AGA_CONFIG: config, AGA_OPERATOR_TOKEN: TOKEN };
  const server = spawn(process.execPath, [program, 'serve', '--http', '127.0.0.1:0'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: server.stderr }).on('line', (line) => {
        const found = /^listening on (\S+)$/.exec(line)?.[1];
        if (found) resolve(found);
      });
      server.once('exit', () => reject(new Error('the server did not start')));
    });
    const pid = server.pid ?? 0;
    const empty = mebibytes(pid);
    const most = { subject: 'bench', max_children: SESSIONS };
    const { artifact_hash: root } = await post(`${url}/api/v1/tools/aga_create_artifact`, most, TOKEN);
    const clients: Client[] = [];
    for (let index = 0; index < SESSIONS; index += 10) {
      clients.push(...(await Promise.all(Array.from({ length: 10 }, (_, n) => agent(url, root, index + n)))));
    }
    const busy = mebibytes(pid);
    await sleep(IDLE_MS);
    const idle = mebibytes(pid);
    await Promise.all(clients.map((client) => client.close()));
    const name = `${SESSIONS} idle sessions, 50 upstream tools`;
    return [
      { name: 'memory of `serve` before the first session', value: empty, unit: 'MiB' },
      { name: `${name}, right after they came`, value: busy, unit: 'MiB' },
      {
        name,
        value: idle,
        unit: 'MiB',
        ratio: { to: 'before', value: idle / empty, target: `at most ${MOST_MIB} MiB`, met: idle <= MOST_MIB },
      },
    ];
  } finally {
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}
