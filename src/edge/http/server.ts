/** The life of the HTTP server. */
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Code, Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import { sweep } from '../../service/sweeper.ts';
import { perCall } from '../mcp/per-call.ts';
import { refusalBody } from '../mcp/result.ts';
import type { ServerInfo } from '../mcp/server.ts';
import { exchange } from './exchange.ts';
import { guardOf } from './guard.ts';
import { limitedSession } from './limited.ts';
import { mcpEndpoint } from './mcp.ts';
import { HEADERS } from './reply.ts';
import { finder } from './route.ts';
import { routesWith } from './routes/index.ts';
import type { Site } from './site.ts';

export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly info: ServerInfo;
  /** Where clients reach us when it is not where we listen, for example `https://authority.example.com`. */
  readonly publicUrl?: string | undefined;
  /** Milliseconds within which headers and body must be complete; 10,000 when absent. */
  readonly patience?: number;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

export interface HttpServer {
  readonly url: string;
  /** Stops taking requests, answers those that run, ends streams; resolves within two seconds. */
  close(): Promise<void>;
}

const PATIENCE = 10_000;
const timeouts = (patience: number) => ({
  headersTimeout: patience,
  requestTimeout: patience,
  // How often the two above are looked at.
  connectionsCheckingInterval: patience / 20,
  keepAliveTimeout: 60_000,
  // Refused by the guard, in the words of every other refusal.
  requireHostHeader: false,
});
const SWEEP_MS = 2000;
const CLOSE_MS = 1500;
const IDLE_MS = 20;

/** Resolves when connections are accepted. Rejects with the system's error if the address cannot be bound. */
export async function listen(site: Site, options: HttpOptions): Promise<HttpServer> {
  const { host, port, publicUrl, tls, info, patience = PATIENCE } = options;
  const { service, nonces, clock } = site;
  const limited = (caller: Caller) => limitedSession(site.session(caller), caller, site.mints);
  const mcp = mcpEndpoint(
    info,
    (connection) =>
      perCall(limited(connection.caller), {
        ...connection,
        service,
        nonces: () => nonces,
        clock,
        session: limited,
        onFailedProof: site.onFailedProof,
        hooked: site.hooked,
      }),
    site.report,
  );
  const scheme = tls ? 'https' : 'http';
  const using = {
    find: finder(routesWith(site.service.tools.values(), info, mcp)),
    guard: guardOf([bracketed(host), ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])]),
    scheme,
    publicUrl,
    running: new Set<AbortController>(),
  };
  const server = tls
    ? createTlsServer({ ...timeouts(patience), handshakeTimeout: patience, ...tls })
    : createServer(timeouts(patience));
  const answer: RequestListener = (request, response) => void exchange(request, response, site, using);
  // An expectation that nobody knows may be ignored (RFC 9110 section 10.1.1); Node would answer without a body.
  server.on('request', answer).on('checkExpectation', answer);
  server.on('clientError', hangUp);
  // Of a connection that is not through its TLS handshake yet the server itself knows nothing.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  const bound = await listening(server, host, port);
  let told = '';
  const round = async (): Promise<void> => {
    try {
      await sweep(service);
      told = '';
    } catch (error) {
      // A database may be away for minutes: said once.
      if (told !== String(error)) site.report(error);
      told = String(error);
    }
  };
  const sweeper = setInterval(() => void round(), SWEEP_MS);
  return {
    url: `${scheme}://${bracketed(host)}:${bound}`,
    async close() {
      clearInterval(sweeper);
      site.tail.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      for (const each of using.running) each.abort();
      // Clients keep a connection when they are answered.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, CLOSE_MS);
      await Promise.all([closed, mcp.endStreams()]);
      await mcp.close();
      clearInterval(idle);
      clearTimeout(late);
    },
  };
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port); // a TCP server has one
    });
  });
}

const FAULTS: { readonly [code: string]: readonly [Code, string] } = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'Headers and body must be complete within 10 seconds.'],
  HPE_HEADER_OVERFLOW: ['PAYLOAD_TOO_LARGE', 'The headers are too large.'],
};

/** Nobody hears an answer: the connection is gone, or was never made (TLS). */
const DEAF = new Set(['ECONNRESET', 'ERR_TLS_HANDSHAKE_TIMEOUT']);

/** What Node could not read as a request is answered here, past all routes. */
function hangUp(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (DEAF.has(error.code ?? '') || !socket.writable) return void socket.destroy();
  const [code, message] = FAULTS[error.code ?? ''] ?? ['INVALID_REQUEST', 'This is not an HTTP request.'];
  const refusal = new Refusal(code, message);
  const body = JSON.stringify(refusalBody(refusal));
  const headers = {
    ...HEADERS,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`);
}
