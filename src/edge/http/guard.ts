/**
 * What is judged of a request before anything else: that it is meant for us (DNS rebinding: a page on a foreign site
 * makes a browser talk to a loopback address), and that its headers have one meaning.
 */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../../base/refusal.ts';

export interface Guard {
  /** Throws `PERMISSION_DENIED` for a foreign `Host`, `Origin` or address, `INVALID_REQUEST` for a header that is given twice, or missing. */
  judge(request: IncomingMessage): void;
}

/** Two of these and two readers may each believe another one. */
const SINGLE = new Set(['authorization', 'host', 'content-type', 'dpop', 'content-length']);
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** `hosts`: names, without ports, under which the server is known besides loopback. */
export function guardOf(hosts: readonly string[]): Guard {
  const known = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  const isKnown = (origin: string): boolean => known.has(hostOf(origin) ?? '');
  return {
    judge({ rawHeaders, headers, url = '' }) {
      refuseDoubled(rawHeaders);
      const { host, origin } = headers;
      if (host === undefined) throw new Refusal('INVALID_REQUEST', 'The Host header is missing.');
      if (!isKnown(`http://${host}`)) throw foreign('Host header');
      if (origin !== undefined && !isKnown(origin)) throw foreign('Origin header');
      const [site] = WHOLE.exec(url) ?? [];
      if (site !== undefined && !isKnown(site)) throw foreign('address');
    },
  };
}

/** RFC 9112 section 3.2.2: as if to a proxy, the address may stand there whole. */
const WHOLE = /^[a-z]+:\/\/[^/?#]*/i;

/** Path and query of a request's target. */
export const pathOf = (url: string): string => url.replace(WHOLE, '');

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
  const [, host] = /^https?:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.exec(origin) ?? [];
  return URL.canParse(origin) ? host?.toLowerCase() : undefined;
}

const foreign = (what: string) => {
  const hint = 'Use the address that the server listens on, or name its public one with --public-url.';
  return new Refusal('PERMISSION_DENIED', `The ${what} names another site.`, { hint });
};
