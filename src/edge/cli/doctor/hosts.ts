/** The MCP hosts of this machine: which have a configuration, and whether it starts us. */
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import stripJsonComments from 'strip-json-comments';
import { homeFolder } from '../../../config.ts';
import type { Desk } from '../command.ts';
import { type Check, type Finding, note, ok, reason } from './check.ts';

interface Host {
  readonly name: string;
  /** Name of the member that holds the servers. */
  readonly member: 'mcpServers' | 'servers';
  readonly path: string;
}

const ENTRY = '"aga-delegate": {"command": "npx", "args": ["-y", "aga-delegate"]}';

export const hosts: Check = async (desk) => {
  const judged = hostsOf(desk).flatMap((host) => (existsSync(host.path) ? [judge(host)] : []));
  const findings = judged.map(({ finding }) => finding);
  if (judged.some(({ starts }) => starts)) return findings;
  const fix = `Give your MCP host this server: ${ENTRY}`;
  return [...findings, note('hosts', 'No host configuration found here starts aga-delegate.', fix)];
};

function hostsOf({ env }: Desk): readonly Host[] {
  const home = homeFolder() ?? '';
  const mac = join(home, 'Library', 'Application Support');
  const roaming = env.APPDATA ?? join(home, 'AppData', 'Roaming');
  const linux = env.XDG_CONFIG_HOME || join(home, '.config');
  const settings = { darwin: mac, win32: roaming }[process.platform as string] ?? linux;
  const here = process.cwd();
  const all: readonly Host[] = [
    { name: 'Claude Desktop', member: 'mcpServers', path: join(settings, 'Claude', 'claude_desktop_config.json') },
    { name: 'Claude Code', member: 'mcpServers', path: join(home, '.claude.json') },
    { name: 'Claude Code, here', member: 'mcpServers', path: join(here, '.mcp.json') },
    { name: 'Cursor', member: 'mcpServers', path: join(home, '.cursor', 'mcp.json') },
    { name: 'Cursor, here', member: 'mcpServers', path: join(here, '.cursor', 'mcp.json') },
    { name: 'VS Code', member: 'servers', path: join(settings, 'Code', 'User', 'mcp.json') },
    { name: 'VS Code, here', member: 'servers', path: join(here, '.vscode', 'mcp.json') },
  ];
  // Below a home that there is not, there is none.
  return all.filter(({ path }) => isAbsolute(path));
}

type Server = { readonly command?: unknown; readonly args?: unknown };

interface Judged {
  readonly starts: boolean;
  readonly finding: Finding;
}

function judge({ name, member, path }: Host): Judged {
  const no = (message: string, fix: string): Judged => ({ starts: false, finding: note(name, message, fix) });
  let servers: Record<string, Server>;
  try {
    const text = stripJsonComments(readFileSync(path, 'utf8'), { trailingCommas: true });
    servers = (JSON.parse(text.trim() || '{}') as Record<string, Record<string, Server>>)[member] ?? {}; // only read
  } catch (error) {
    return no(`${path} cannot be read: ${reason(error)}`, 'Correct the file: the host ignores it as it is.');
  }
  const ours = Object.entries(servers).filter(([, server]) => startsUs(server));
  if (ours.length === 0) return no(`${path} does not start aga-delegate.`, `Add to "${member}": ${ENTRY}`);
  const beside = Object.keys(servers).length - ours.length;
  const names = ours.map(([key]) => key).join(', ');
  if (beside === 0) return { starts: true, finding: ok(name, `${path} starts it as ${names}`) };
  const message = `${path} starts it as ${names}, and ${beside} other server${beside === 1 ? '' : 's'} beside it, which it does not govern.`;
  const fix = 'Move the others to "upstreams" of the configuration file, so that every call is judged.';
  return { starts: true, finding: note(name, message, fix) };
}

const startsUs = ({ command, args }: Server): boolean =>
  [command, ...(Array.isArray(args) ? args : [])].some((word) =>
    /(^|[/\\])aga-delegate(\.c?js|\.cmd)?(@[^/]*)?$/.test(String(word)),
  );
