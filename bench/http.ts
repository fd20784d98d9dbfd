/**
 * `node bench/http.ts [seconds]`: one authority over loopback. Mint, redeem and authorize one at a time and many at once,
 * then 500 keep-alive clients for a while, during which no request may fail and memory may not grow.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent as Connections, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proveHolder } from '../src/artifact/enrolment.ts';
import { type Agent, agentKey, connect, requestProof } from '../src/client/index.ts';
import { type Figure, median, percentile, print } from './measure.ts';

const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const OPERATOR = 'the-operator-token-of-the-bench';
const SECONDS = Number(process.argv[2] ?? 30);
const CLIENTS = 500;
const COORDINATORS = 20;
const WARM = 50;
const MANY = 64;
const AUTHORIZE = '/api/v1/authorize';
const ACT = JSON.stringify({ capability: 'tool.call', resource: 'search/web', arguments: { q: 'aga' } });

const home = mkdtempSync(join(tmpdir(), 'aga-bench-http-'));
const child = spawn(process.execPath, [SERVER, '--data-dir', home, 'serve', '--http', '127.0.0.1:0'], {
  env: { ...process.env, AGA_OPERATOR_TOKEN: OPERATOR },
  stdio: ['ignore', 'ignore', 'pipe'],
});
const url = await new Promise<string>((resolve, reject) => {
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
    const found = /listening on (\S+)/.exec(said)?.[1];
    if (found) resolve(found);
  });
  child.once('exit', () => reject(new Error(said)));
});
const connections = new Connections({ keepAlive: true, maxSockets: CLIENTS });

interface Sent {
  readonly status: number;
  readonly text: string;
}

function send(method: string, path: string, token: string, body = '', headers: object = {}): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, {
      method,
      agent: connections,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== '' && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    });
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject).end(body);
  });
}

// The bench reads members of two tools' answers.
async function tool(name: string, input: object): Promise<any> {
  const { status, text } = await send('POST', `/api/v1/tools/${name}`, OPERATOR, JSON.stringify(input));
  if (status !== 200) throw new Error(text);
  return JSON.parse(text);
}

/** Milliseconds of `count` runs, `lanes` at a time, and runs a second. */
async function timed(count: number, lanes: number, run: (n: number) => Promise<unknown>) {
  const samples: number[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const n = next++;
      const start = performance.now();
      await run(n);
      samples.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: lanes }, lane));
  return { samples, rate: (count * 1000) / (performance.now() - start) };
}

const figures: Figure[] = [];
async function measure(name: string, alone: number, many: number, run: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < Math.min(WARM, alone); n++) await run(n);
  const one = await timed(alone, 1, (n) => run(WARM + n));
  const all = await timed(many, MANY, (n) => run(WARM + alone + n));
  figures.push(
    { name: `${name}, p50`, value: median(one.samples), unit: 'ms' },
    { name: `${name}, p99`, value: percentile(one.samples, 0.99), unit: 'ms' },
    { name: `${name}, ${MANY} at once`, value: all.rate, unit: '/s' },
  );
}

const rss = async (): Promise<number> => {
  const { text } = await send('GET', '/metrics', OPERATOR);
  return Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]) / 2 ** 20;
};

/** A session token as the client holds it; the bench measures the server, not the client. */
const sessions: string[] = [];
async function coordinator(root: string, name: string): Promise<Agent> {
  const input = {
    parent_artifact_hash: root,
    sub_agent_id: name,
    policy_preset: 'coordinator',
    enroll: true,
    ttl_seconds: 3500,
    max_children: 100_000,
  };
  const { enrollment } = await tool('aga_delegate_to_subagent', input);
  const watching: typeof fetch = async (...args) => {
    const response = await fetch(...args);
    const { sessionToken } = (await response.clone().json()) as { sessionToken?: string };
    if (sessionToken) sessions.push(sessionToken);
    return response;
  };
  return connect({ server: url, token: enrollment.token, fetch: watching });
}

async function main(): Promise<void> {
  const { artifact_hash: root } = await tool('aga_create_artifact', { max_children: 1000 });
  const leads: Agent[] = [];
  for (let n = 0; n < COORDINATORS; n++) leads.push(await coordinator(root, `lead-${n}`));
  const tokens: string[] = [];
  await measure('mint', 300, 1500, async (n) => {
    const at = n % COORDINATORS;
    const body = JSON.stringify({ subAgentName: `w-${n}-${tokens.length}` });
    const { status, text } = await send('POST', `/api/v1/agents/${leads[at]!.agentId}/delegate`, sessions[at]!, body);
    if (status !== 200) throw new Error(text);
    tokens.push(JSON.parse(text).enrollmentToken);
  });
  const bodies = tokens.slice(0, WARM + 300 + 1000).map(redemption);
  await measure('redeem', 300, 1000, async (n) =>
    expect200(await send('POST', '/api/v1/agents/enroll', '-', bodies[n])),
  );
  await measure('authorize, bearer', 1000, 10_000, async () =>
    expect200(await send('POST', AUTHORIZE, sessions[0]!, ACT)),
  );
  const { key } = leads[0]!;
  const signed = { method: 'POST', url: `${url}${AUTHORIZE}`, body: ACT, token: sessions[0]! };
  await measure('authorize, proof', 1000, 5000, async () =>
    expect200(await send('POST', AUTHORIZE, sessions[0]!, ACT, { dpop: requestProof(key, signed) })),
  );
  await measure('healthz', 1000, 10_000, async () => expect200(await send('GET', '/healthz', OPERATOR)));
  await endurance();
  print(figures);
}

/** The body of an enrolment with a key of its own. */
function redemption(token: string): string {
  const key = agentKey(randomBytes(32));
  const proof = proveHolder(token.slice('lt-delegate-'.length).split('.')[0] ?? '', key);
  return JSON.stringify({ enrollmentToken: token, publicKey: key.id, proof });
}

function expect200({ status, text }: Sent): void {
  if (status !== 200) throw new Error(`${status} ${text}`);
}

async function endurance(): Promise<void> {
  const until = performance.now() + SECONDS * 1000;
  let [done, failed] = [0, 0];
  const memory: number[] = [];
  const watch = setInterval(
    () =>
      void rss().then(
        (size) => memory.push(size),
        () => undefined,
      ),
    1000,
  );
  const client = async (n: number): Promise<void> => {
    while (performance.now() < until) {
      const { status } = await send('POST', AUTHORIZE, sessions[n % sessions.length]!, ACT).catch(() => ({
        status: 0,
      }));
      done += 1;
      if (status !== 200) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)));
  clearInterval(watch);
  memory.push(await rss());
  const half = memory.slice(Math.floor(memory.length / 2));
  figures.push(
    { name: `${CLIENTS} clients, ${SECONDS} s: rate`, value: done / SECONDS, unit: '/s' },
    { name: `${CLIENTS} clients: failed`, value: failed, unit: '' },
    { name: 'resident memory, first half', value: Math.max(...memory.slice(0, half.length)), unit: 'MiB' },
    { name: 'resident memory, second half', value: Math.max(...half), unit: 'MiB' },
  );
  if (failed > 0) process.exitCode = 1;
}

try {
  await main();
} finally {
  connections.destroy();
  child.kill('SIGTERM');
  rmSync(home, { recursive: true, force: true });
}
