/** The configuration that `init` writes: works as it is, and explains every line that somebody will want to change. */

export interface Answers {
  /** Absolute path. */
  readonly folder: string;
  /** Host names that may be fetched from. */
  readonly hosts: readonly string[];
  readonly mode: 'enforce' | 'shadow';
}

const json = (value: unknown): string => JSON.stringify(value);
const below = (folder: string): string => json([`${folder === '/' ? '' : folder}/**`]);

export function startingConfig({ folder, hosts, mode }: Answers): string {
  return `// Configuration of aga-delegate: JSON, and comments like this one.
// It is used by a host that sets AGA_CONFIG to its path, or passes --config.
{
  // "enforce" refuses what an artifact does not permit. "shadow" only records what it would have refused;
  // aga-delegate suggest prints what the recorded calls needed.
  "mode": ${json(mode)},

  // Only calls that Claude Code's hook has announced: a sub-agent whose hooks are switched off has nothing.
  // The hook itself goes into the settings of Claude Code, see docs/hosts.md.
  // "require_hook": true,

  // The MCP servers that agents reach, in the shape of "mcpServers". Remove them from the host's own
  // configuration: what does not pass through here is not governed. "timeout" is in milliseconds.
  "upstreams": {
    // "fetch": { "command": "uvx", "args": ["mcp-server-fetch"] },
    // "remote": { "url": "https://mcp.example.com/mcp", "headers": { "Authorization": "Bearer TOKEN" } },
    "filesystem": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", ${json(folder)}],
      "timeout": 60000
    }
  },

  // Which arguments of their tools are paths or URLs, so that fs.read, fs.write and net.fetch bind them.
  // The name of a shipped map, or a map of your own: { "tool": { "/argument": "fs.read" } }
  "maps": {
    // "fetch": "mcp-server-fetch",
    "filesystem": "@modelcontextprotocol/server-filesystem"
  },

  // No root artifact exceeds this. A capability that is not named here is not given.
  "root_ceiling": {
    "permissions": {
      "tool.call": ["**"],
      "fs.read": ${below(folder)},
      "fs.write": ${below(folder)},
      "net.fetch": ${json(hosts.map((host) => `https://${host}/**`))},
      "model.use": ["**"],
      "mcp.prompt": ["**"],
      "mcp.resource": ["*"],
      "agent.delegate": ["*", "*@*"]
    }
  },

  // Scopes to delegate by name (policy_preset), beside the built-in isolated, sandboxed and coordinator.
  "presets": {
    "reader": {
      "permissions": { "tool.call": ["filesystem/read_*", "filesystem/list_*"], "fs.read": ${below(folder)} }
    }
  },

  // More refusals of one artifact within a minute fire the triggers of its lineage.
  "refusals_per_minute": 10
}
`;
}
