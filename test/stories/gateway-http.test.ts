/** The gateway over Streamable HTTP, with the clients of both lines and in both eras, against the built server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as EarlierTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentKey, enrolmentProof, freshSeed } from '../../src/client/key.ts';
import { directory } from '../scratch.ts';
import { served } from './program.ts';

const HOSTILE = join(import.meta.dirname, '../edge/gateway/hostile.ts');
const TOKEN = 'operator-of-the-gateway-story';
const cleanups: (() => unknown)[] = [];
let url: string;
let root: string;
let log: string;

const post = async (path: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as any; // a test reads members of many answers
};
const tool = (name: string, input: object) => post(`/api/v1/tools/${name}`, input, TOKEN);

beforeAll(async () => {
  const path = directory();
  log = join(path, 'log');
  writeFileSync(log, '');
  const config = join(path, 'aga.json');
  const up = { command: process.execPath, args: [HOSTILE], env: { HOSTILE_LOG: log } };
  writeFileSync(config, JSON.stringify({ upstreams: { up } }));
  const server = await served(['--data-dir', join(path, 'data'), '--config', config], { AGA_OPERATOR_TOKEN: TOKEN });
  cleanups.push(server.stop);
  url = server.url;
  root = (await tool('aga_create_artifact', { subject: 'lead' })).artifact_hash;
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** An agent with an artifact of its own, and its bearer token. */
async function agent(): Promise<{ readonly hash: string; readonly token: string }> {
  const delegated = await tool('aga_delegate_to_subagent', { parent_artifact_hash: root, enroll: true });
  const { token: enrollmentToken } = delegated.enrollment;
  const key = agentKey(freshSeed());
  const proof = enrolmentProof(enrollmentToken.split(/[-.]/)[2], key);
  const { sessionToken } = await post('/api/v1/agents/enroll', { enrollmentToken, publicKey: key.id, proof });
  return { hash: delegated.child_artifact_hash, token: sessionToken };
}

type Options = { signal?: AbortSignal; onprogress?: (update: { progress: number }) => void };
type Call = (name: string, options?: Options) => Promise<{ isError?: boolean; content: { text: string }[] }>;

const clients: { readonly [who: string]: (token: string) => Promise<Call> } = {
  async 'client 1, 2025-11-25'(token) {
    const client = new EarlierClient({ name: 'test', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    // A cast: its own types disagree about an absent session id.
    await client.connect(new EarlierTransport(new URL(`${url}/mcp`), { requestInit }) as Transport);
    cleanups.push(() => client.close());
    return (name, options) => client.callTool({ name, arguments: {} }, undefined, options) as ReturnType<Call>;
  },
  'client 2, 2025-11-25': (token) => later(token, 'legacy'),
  'client 2, 2026-07-28': (token) => later(token, { pin: '2026-07-28' }),
};

async function later(token: string, mode: 'legacy' | { pin: string }): Promise<Call> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  cleanups.push(() => client.close());
  return (name, options) => client.callTool({ name, arguments: {} }, options) as ReturnType<Call>;
}

describe.each(Object.entries(clients))('%s', (_, connect) => {
  it('has progress and cancellation passed on, and is cut off by a revocation in the middle of a call', {
    retry: 2,
  }, async () => {
    const { hash, token } = await agent();
    const call = await connect(token);
    const seen: number[] = [];
    await call('up__progress', { onprogress: ({ progress }) => seen.push(progress) });
    expect(seen).toEqual([1, 2, 3]);

    writeFileSync(log, '');
    const abort = new AbortController();
    const given = call('up__hang', { signal: abort.signal });
    given.catch(() => {});
    await expect.poll(() => readFileSync(log, 'utf8')).toContain('hang');
    abort.abort();
    await expect(given).rejects.toThrow();
    await expect.poll(() => readFileSync(log, 'utf8')).toContain('cancelled');

    const cut = call('up__hang');
    await expect.poll(() => readFileSync(log, 'utf8').split('hang {').length).toBe(3);
    const at = performance.now();
    await tool('aga_revoke_artifact', { artifact_hash: hash, reason: 'stop' });
    const { content } = await cut;
    expect(performance.now() - at).toBeLessThan(1_500);
    expect(JSON.parse(content[0]!.text).error.code).toBe('ARTIFACT_REVOKED');
  });
});
