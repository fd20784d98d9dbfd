/**
 * What everything is held against: a server built and edged as ours, whose one tool reads the input of a delegation with
 * the same schema, and answers with something of the same size, but does nothing.
 */
import type { Json } from '../src/base/canonical.ts';
import { toolResult } from '../src/edge/mcp/result.ts';
import type { Session } from '../src/edge/mcp/session.ts';
import { serveStdio } from '../src/edge/mcp/stdio.ts';
import { delegateToSubagent } from '../src/tools/delegate-to-subagent.ts';
import { launchOf } from '../src/tools/launch.ts';

const hash = 'f'.repeat(64);
const LAUNCH: Json = JSON.parse(
  JSON.stringify(
    launchOf({ subject: 'sub-agent', hash, purpose: 'Sub-agent delegation' }, { artifact: hash }, { launch: [] }),
  ),
);
const ANSWER: { readonly [member: string]: Json } = {
  success: true,
  parent_artifact_hash: hash,
  child_artifact_hash: hash,
  sub_agent_id: 'sub-agent',
  effective_ttl_seconds: 1800,
  ttl_clamped: false,
  expires_at: '2026-11-20T10:00:00.000Z',
  depth: 1,
  scope_reduction: {
    tools_removed: ['files/**'],
    permissions_removed: [],
    triggers_removed: [],
    measurement_types_removed: [],
  },
  scope_diminished: true,
  permitted_tools: ['files/read'],
  permissions: { 'tool.call': ['files/read'] },
  purpose: 'Sub-agent delegation',
  launch: LAUNCH,
  chain: { sequence_number: 1, entry_hash: hash },
};

const session: Session = {
  instructions: '',
  listTools: async () => [{ name: 'noop', inputSchema: { type: 'object' } }],
  async callTool({ arguments: input }) {
    delegateToSubagent.input.parse(input);
    return toolResult({ ...ANSWER });
  },
  listResources: async () => [],
  listResourceTemplates: async () => [],
  readResource: async () => undefined,
  listPrompts: async () => [],
  getPrompt: async () => undefined,
  onListsChanged: () => () => undefined,
};

serveStdio({
  session: () => session,
  info: { name: 'noop', title: 'No-op', version: '1' },
  onStop: async () => {},
}).then(() => process.exit(0));
