/**
 * What is judged of a request before anything else: that it is meant for us (DNS rebinding: a page on a foreign site
 * makes a browser talk to a loopback address), and that its headers have one meaning.
 */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../../base/refusal.ts';

export interface Guard {
  /** Throws `PERMISSION_DENIED` for a foreign `Host` or `Origin`, `INVALID_REQUEST` for a header that is given twice, or missing. */
  judge(request: IncomingMessage): void;
}

/** Two of these and two readers may each believe another one. */
const SINGLE = new Set(['authorization', 'host', 'content-type', 'dpop', 'content-length']);
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** `hosts`: names, without ports, under which the server is known besides loopback. */
export function guardOf(hosts: readonly string[]): Guard {
  const known = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  return {
    judge({ rawHeaders, headers }) {
      refuseDoubled(rawHeaders);
      if (headers.host === undefined) throw new Refusal('INVALID_REQUEST', 'The Host header is missing.');
      const host = hostOf(`http://${headers.host}`);
      if (host === undefined || !known.has(host)) throw foreign('Host');
      const { origin } = headers;
      if (origin === undefined) return;
      const from = hostOf(origin);
      if (from === undefined || !known.has(from)) throw foreign('Origin');
    },
  };
}

function refuseDoubled(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) throw new Refusal('INVALID_REQUEST', `The header ${name} is given more than once.`);
    seen.add(name);
  }
}

/** Only `scheme://host[:port]`: anything more is no origin, and no Host header. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.exec(origin)?.[1]?.toLowerCase();
}

const foreign = (header: string) => {
  const hint = 'Use the address that the server listens on, or name its public one with --public-url.';
  return new Refusal('PERMISSION_DENIED', `The ${header} header names another site.`, { hint });
};
