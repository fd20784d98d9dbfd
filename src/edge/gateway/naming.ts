/**
 * What an upstream's tool or prompt is called here: `<server>__<tool>` over MCP, `<server>/<tool>` in permissions.
 *
 * Hosts take names of `^[a-zA-Z0-9_-]{1,64}$` only. A name that would not be one is written as what is left of it
 * without the characters in question, cut to length, `_`, and the first 8 hex digits of the SHA-256 of the original. Should
 * that name belong to another tool, 8 more digits are taken, and so on: the same list gives the same names everywhere.
 * A server's name holds no `__` and does not end in `_`, so the first `__` always ends it, and no name of ours is another
 * server's.
 */
import { sha256Hex } from '#digest';
import { SERVER_NAME } from './config.ts';

export const resourceOf = (server: string, tool: string): string => `${server}/${tool}`;

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_NAME = 64;
const DIGITS = 8;

export interface Names {
  /** The name over MCP of what the upstream calls so. */
  shown(original: string): string | undefined;
  /** What the upstream calls so. */
  original(shown: string): string | undefined;
}

export function namesOf(server: string, originals: Iterable<string>): Names {
  const shown = new Map<string, string>();
  const original = new Map<string, string>();
  const give = (from: string, to: string) => {
    shown.set(from, to);
    original.set(to, from);
  };
  const odd: string[] = [];
  for (const name of new Set(originals)) {
    if (NAME.test(plain(server, name))) give(name, plain(server, name));
    else odd.push(name);
  }
  for (const name of odd.sort()) {
    let digits = DIGITS;
    while (original.has(hashed(server, name, digits))) digits += DIGITS;
    give(name, hashed(server, name, digits));
  }
  return { shown: (name) => shown.get(name), original: (name) => original.get(name) };
}

/** Server and tool of a name of an upstream's shape, where the tool has a plain name; it need not exist. */
export function splitName(name: string): { readonly server: string; readonly rest: string } | undefined {
  const at = name.indexOf('__');
  const [server, rest] = [name.slice(0, at), name.slice(at + 2)];
  return at < 0 || rest === '' || !SERVER_NAME.test(server) ? undefined : { server, rest };
}

const plain = (server: string, name: string): string => `${server}__${name}`;

function hashed(server: string, name: string, digits: number): string {
  const hash = sha256Hex(name.toWellFormed()).slice(0, digits);
  const room = Math.max(0, MAX_NAME - plain(server, '').length - hash.length - 1);
  const kept = name.replace(/[^a-zA-Z0-9_-]/g, '').slice(0, room);
  return `${plain(server, kept)}_${hash}`.slice(0, MAX_NAME);
}
