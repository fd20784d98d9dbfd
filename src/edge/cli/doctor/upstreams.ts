/** The servers behind the gateway: whether each starts, and whether its map says of its tools what the law must know. */
import { VERSION } from '../../../version.ts';
import { Gateway, type Server } from '../../gateway/gateway.ts';
import { patiently } from '../../gateway/patience.ts';
import { isObject } from '../../gateway/pointer.ts';
import { SHIPPED } from '../../gateway/shipped-maps.ts';
import type { ToolDefinition } from '../../mcp/session.ts';
import { broken, type Check, type Finding, note, ok, reason } from './check.ts';

/** A server that `npx` installs first may need longer; that is no fault of it. */
const WAIT_MS = 20_000;
const NAMED = 5;

export const upstreams: Check = async ({ settings }) => {
  const { config, url } = settings();
  // There the upstreams are the other authority's.
  if (url !== null) return [];
  const said = new Map<string, string>();
  const gateway = new Gateway({
    upstreams: config.upstreams,
    maps: config.maps,
    client: { name: 'aga-delegate', version: VERSION },
    log(text) {
      const [, name, line] = /^\[([^\]]+)\] (.*)/.exec(text) ?? [];
      if (name !== undefined && line) said.set(name, line);
    },
  });
  try {
    const findings = gateway.servers.map((server) => examined(server, () => said.get(server.name)));
    return (await Promise.all(findings)).flat();
  } finally {
    await gateway.close();
  }
};

async function examined(server: Server, lastSaid: () => string | undefined): Promise<readonly Finding[]> {
  const title = `upstream ${server.name}`;
  try {
    const tools = await patiently(server.upstream.tools(), WAIT_MS);
    if (tools) return [ok(title, `${tools.length} tools`), ...bindings(title, server, tools)];
    return [
      note(title, `It has not listed its tools within ${WAIT_MS / 1000} s.`, 'Start its command by hand to see why.'),
    ];
  } catch (error) {
    const why = lastSaid() ?? reason(error);
    return [broken(title, `It cannot be used: ${why}.`.replace(/\.\.$/, '.'), 'Correct it under "upstreams".')];
  }
}

function bindings(title: string, { name, map, upstream }: Server, tools: readonly ToolDefinition[]): Finding[] {
  const names = tools.map((tool) => tool.name);
  if (!map) {
    const open = tools.flatMap(placesOf);
    if (open.length === 0) return [];
    const message = `No map: fs.read, fs.write and net.fetch do not bind ${listed(open)}.`;
    return [
      note(
        title,
        message,
        `Add "maps": { "${name}": ${shippedFor(upstream.config) ?? '{ "<tool>": { "/<argument>": "fs.read" } }'} }.`,
      ),
    ];
  }
  const unnamed = names.filter((tool) => !map.has(tool));
  if (unnamed.length === 0) return [];
  const message = `Its map does not name ${listed(unnamed)}: every call of ${unnamed.length === 1 ? 'it' : 'those'} is refused.`;
  return [note(title, message, 'Name them in "maps"; {} for a tool that touches neither files nor URLs.')];
}

const SUSPECT = /^(?:\w+_)?(?:path|file|filename|source|destination|folder|dir|directory|uri|url)s?$/i;

/** Arguments that by their names are files or URLs. */
function placesOf({ name, inputSchema }: ToolDefinition): readonly string[] {
  const properties = isObject(inputSchema.properties) ? Object.keys(inputSchema.properties) : [];
  return properties.filter((property) => SUSPECT.test(property)).map((property) => `"${property}" of ${name}`);
}

/** The name of a shipped map that stands in the command. */
function shippedFor(config: object): string | undefined {
  const words = JSON.stringify(config);
  const found = [...SHIPPED.keys()].find((name) => words.includes(name));
  return found && JSON.stringify(found);
}

const listed = (names: readonly string[]): string =>
  names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');
