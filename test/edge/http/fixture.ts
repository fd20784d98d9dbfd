/** An HTTP authority on the kernel in memory, and a client with nothing between it and the wire but `fetch`. */
import { request as open } from 'node:http';
import { sha256Hex } from '#digest';
import { signer } from '#ed25519';
import { proveHolder } from '../../../src/artifact/enrolment.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { type HttpServer, type ServeOptions, serveHttp } from '../../../src/edge/http/index.ts';
import { tokensOf } from '../../../src/keys/tokens.ts';
import type { Nonces } from '../../../src/ports.ts';
import { KEYS, type Kernel, type KernelOptions, kernel, seed } from '../../kernel.ts';
import { memoryNonces } from '../../nonces.ts';

export const OPERATOR = 'operator-token-of-the-tests';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: any; // the tests read members of many answers
}

export interface Authority {
  readonly kernel: Kernel;
  readonly server: HttpServer;
  readonly url: string;
  readonly reports: unknown[];
  /** JSON in, JSON out, with a bearer token where one is given. */
  send(method: string, path: string, body?: unknown, token?: string, headers?: object): Promise<Reply>;
  /** A root and an enrolled coordinator below it. */
  coordinator(changes?: object): Promise<Enrolled>;
  /** Redeems a token with the key of this name. */
  enroll(token: string, key?: string, changes?: object): Promise<Reply>;
  close(): Promise<void>;
}

export interface Enrolled {
  readonly root: string;
  readonly hash: string;
  readonly id: string;
  readonly token: string;
  readonly session: string;
  readonly answer: any;
}

let keys = 0;

/** A clock that runs, and can be moved ahead. */
export const running = (): { now: number; ahead: number } => ({
  ahead: 0,
  get now() {
    return Date.now() + this.ahead;
  },
});

export async function authority(
  options: KernelOptions &
    Pick<Partial<ServeOptions>, 'patience' | 'hooked' | 'publicUrl' | 'tls'> & {
      readonly nonces?: Nonces;
      readonly witnesses?: ServeOptions['authority']['witnesses'];
    } = {},
): Promise<Authority> {
  const k = kernel({ clock: running(), ...options });
  const reports: unknown[] = [];
  const clock = () => k.clock.now;
  const server = await serveHttp({
    authority: {
      service: k.service,
      tokens: tokensOf((options.keys ?? KEYS).authority),
      nonces: options.nonces ?? memoryNonces(),
      name: 'default',
      ...(options.witnesses && { witnesses: options.witnesses }),
    },
    operator: sha256Hex(OPERATOR),
    report: (error) => reports.push(error),
    host: '127.0.0.1',
    port: 0,
    clock,
    ...(options.patience !== undefined && { patience: options.patience }),
    ...(options.hooked && { hooked: options.hooked }),
    tls: options.tls,
    ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
    info: { name: 'aga-delegate', title: 'AGA Delegate', version: '0.0.0' },
  });
  const send: Authority['send'] = async (method, path, body, token, headers = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      ...(body !== undefined && {
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    } as RequestInit);
    const text = await response.text();
    const isJson = method !== 'HEAD' && response.headers.get('content-type') === 'application/json';
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  const enroll: Authority['enroll'] = (token, key = `key ${keys++}`, changes = {}) => {
    const own = signer(seed(key));
    const id = token.slice('lt-delegate-'.length).split('.')[0] ?? '';
    const body = {
      enrollmentToken: token,
      publicKey: toDidKey(own.publicKey),
      proof: proveHolder(id, own),
      ...changes,
    };
    return send('POST', '/api/v1/agents/enroll', body);
  };
  return {
    kernel: k,
    server,
    url: server.url,
    reports,
    send,
    enroll,
    async coordinator(changes = {}) {
      const root = await send('POST', '/api/v1/tools/aga_create_artifact', {}, OPERATOR);
      const input = {
        parent_artifact_hash: root.json.artifact_hash,
        sub_agent_id: 'coordinator',
        policy_preset: 'coordinator',
        enroll: true,
      };
      const child = await send('POST', '/api/v1/tools/aga_delegate_to_subagent', { ...input, ...changes }, OPERATOR);
      const { token } = child.json.enrollment;
      const { json } = await enroll(token);
      return {
        root: root.json.artifact_hash,
        hash: child.json.child_artifact_hash,
        id: json.agentId,
        token,
        session: json.sessionToken,
        answer: json,
      };
    },
    close: () => server.close(),
  };
}

/** Headers exactly as given, also twice. */
export function raw(
  url: string,
  method: string,
  headers: readonly string[],
  body = '',
): Promise<{ status: number; text: string }> {
  const { port } = new URL(url);
  const path = url.slice(new URL(url).origin.length);
  return new Promise((resolve, reject) => {
    const request = open({ host: '127.0.0.1', port, method, path: path || '/', setHost: false });
    // `http.request` takes a flat list only together with no other headers.
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]!;
      const all = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]!.toLowerCase() === name.toLowerCase());
      request.setHeader(name, all.length === 1 ? all[0]! : all);
    }
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
