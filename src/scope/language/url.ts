/**
 * URLs: judged in the form in which they will be fetched, that of the WHATWG URL parser.
 *
 * As segments: scheme, labels of the host, port, path, with a border between them that no star crosses. A request whose
 * path a server might read in two ways (an empty segment, an escaped slash) has no segments: only `**` permits it.
 */
import { BORDER, EVERY } from '../segment.ts';
import { pathFault } from './grammar.ts';
import { pathSegments, readPath } from './path.ts';
import { textLanguage } from './text.ts';

const SHAPE = /^https?:\/\/(\[[^\]]*\]|[^/:[\]]*)(?::\d*)?(\/.*)?$/i;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;
const DEFAULT_PORT: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
const MAX_URL = 65_536;

export const url = textLanguage({
  shape:
    'a URL pattern is "https://host[:port]/path" with "*" for one label of the host and path wildcards, or "**" for every URL',
  trailing: true,
  read,
  write,
  words,
});

function read(pattern: string): readonly string[] | string {
  if (pattern === '**') return [EVERY];
  if (/[?#]/.test(pattern)) return 'has a query or a fragment';
  if (pattern.trim() !== pattern) return 'begins or ends with a space';
  const [, host, path = '/'] = SHAPE.exec(pattern) ?? [];
  if (/^https?:\/\/[^/]*@/i.test(pattern)) return 'has user information';
  if (host === undefined) return 'is not an http or https URL';
  const raw = readPath(path);
  const parsed = parse(pattern);
  if (typeof raw === 'string') return raw;
  return parsed ? (hostFault(host, parsed.hostname) ?? segments(parsed)) : 'is not a URL';
}

/** Why the host of a pattern is none, given what the parser makes of it. */
function hostFault(written: string, parsed: string): string | undefined {
  const labels = written.split('.');
  if (written.includes('%')) return 'has an escaped host';
  if (labels.at(-1) === '') return 'has a host that ends in a dot';
  if (labels.includes('') || parsed.split('.').includes('')) return 'has a host with an empty label';
  if (labels.some((label) => label !== '*' && label.includes('*'))) return 'has a star inside a label of the host';
  if (stars(parsed) !== stars(written)) return 'has a host that is read as another one';
  const numeric = parsed.startsWith('[') || IPV4.test(parsed);
  return numeric && parsed !== written ? `has an address that is written ${parsed}` : undefined;
}

const stars = (host: string): number => host.split('*').length;

function segments({ protocol, hostname, port, pathname }: URL): readonly string[] {
  // An IPv6 address is no label: a border more keeps the star of a label away from it.
  const labels = hostname.startsWith('[') ? [BORDER, hostname] : hostname.split('.');
  const path = pathname.slice(1).split('/');
  return [protocol, BORDER, ...labels, BORDER, port || DEFAULT_PORT[protocol]!, BORDER, ...path];
}

function write(found: readonly string[]): string {
  if (found[0] === EVERY) return '**';
  const slash = found.lastIndexOf(BORDER);
  const [protocol, port] = [found[0]!, found[slash - 1]!];
  const host = found.slice(2, slash - 2).filter((label) => label !== BORDER);
  const suffix = port === DEFAULT_PORT[protocol] ? '' : `:${port}`;
  return `${protocol}//${host.join('.')}${suffix}/${found.slice(slash + 1).join('/')}`;
}

function words(resource: string): readonly string[] | string {
  if (resource.length > MAX_URL) return `is longer than ${MAX_URL} characters`;
  const parsed = resource.isWellFormed() ? parse(resource) : undefined;
  if (!parsed) return 'is not a URL';
  if (!(parsed.protocol in DEFAULT_PORT)) return 'is not an http or https URL';
  const { pathname } = parsed;
  const ambiguous = pathFault(pathname) ?? pathSegments(pathname);
  return typeof ambiguous === 'string' ? [BORDER] : segments(parsed);
}

function parse(text: string): URL | undefined {
  return URL.parse(text) ?? undefined;
}
