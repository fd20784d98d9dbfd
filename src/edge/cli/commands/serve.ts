import { Option } from 'commander';
import type { ServeOptions } from '../../../installation/serving.ts';
import type { Command } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { usage } from '../usage.ts';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

export const serve: Command = {
  name: 'serve',
  group: 'Set up:',
  summary: 'Serve this authority over HTTP to agents of other processes and machines, until SIGTERM or SIGINT',
  options: [
    new Option('--http <host:port>', 'Where to listen; port 0 takes a free one').default('127.0.0.1:7460'),
    new Option('--public-url <url>', 'The address that clients use, if it is another one'),
    new Option('--tls-cert <file>', 'Certificate in PEM; needs --tls-key'),
    new Option('--tls-key <file>', 'Private key in PEM'),
    new Option('--trusted-proxy', 'A proxy in front terminates TLS, and only it can reach this address'),
  ],
  examples: [
    ['serve --http 127.0.0.1:7460', 'For agents on this machine:'],
    [
      'serve --http 0.0.0.0:443 --public-url https://authority.example.com --tls-cert cert.pem --tls-key key.pem',
      'For other machines:',
    ],
  ],
  async run(desk, { options }) {
    const { err } = desk.terminal;
    const { url, close } = await (await desk.open()).serve({
      ...readOptions(options, desk.terminal),
      onFreshToken: (token) => err.line(`operator token: ${token}`),
    });
    err.line(`listening on ${url}`);
    await stopped();
    await close();
    return undefined;
  },
};

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

function readOptions(options: { readonly [option: string]: unknown }, terminal: Terminal): ServeOptions {
  const wrong = (message: string): never => usage(terminal, message);
  const { http, publicUrl, tlsCert, tlsKey, trustedProxy } = options as {
    [option: string]: string | undefined; // commander gives text for an option with a value
  };
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:/\s]+)):(\d{1,5})$/i.exec(http ?? '') ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return wrong('--http must be HOST:PORT, for example 127.0.0.1:7460.');
  if ((tlsCert === undefined) !== (tlsKey === undefined)) return wrong('--tls-cert and --tls-key belong together.');
  if (publicUrl !== undefined && !isOrigin(publicUrl)) return wrong('--public-url must be https://HOST[:PORT].');
  const tls = tlsCert !== undefined && tlsKey !== undefined ? { cert: tlsCert, key: tlsKey } : undefined;
  if (!LOOPBACK.has(host)) {
    if (publicUrl === undefined) return wrong('Beyond loopback, name the address that clients use with --public-url.');
    if (!tls && !trustedProxy) return wrong('Beyond loopback, give --tls-cert and --tls-key, or --trusted-proxy.');
  }
  return { host, port, publicUrl, tls };
}

const isOrigin = (text: string): boolean =>
  URL.canParse(text) &&
  /^https?:$/.test(new URL(text).protocol) &&
  `${new URL(text).origin}` === text.replace(/\/$/, '');
