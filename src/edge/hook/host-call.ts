/**
 * What Claude Code tells a `PreToolUse` hook on its stdin: which tool is about to be used, with what, and by which agent.
 *
 *     {"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{"file_path":"/ws/a"},"tool_use_id":"toolu_…",
 *      "cwd":"/ws","agent_id":"…","agent_type":"researcher","mcp_server":{"name":"…"}}
 *
 * The id only where a sub-agent asks, the server only with a tool of one. Inputs of the real host, one a line, are in
 * `test/edge/hook/claude-code-2.1.330.jsonl`.
 */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import type { JsonObject } from '../gateway/pointer.ts';

export interface HostCall {
  readonly tool: string;
  /** Whose tool it is, where the host says so: the name of a tool alone does not tell `a` with `b__c` from `a__b` with `c`. */
  readonly server: string | null;
  readonly input: JsonObject;
  /** The host's name for this one use; the call over MCP carries it as `claudecode/toolUseId`. */
  readonly use: string | null;
  readonly cwd: string;
  /** Name of the sub-agent's definition; null for the host's own agent. */
  readonly agent: string | null;
}

/** The host adds members as it grows. */
const shape = z.looseObject({
  hook_event_name: z.literal('PreToolUse'),
  tool_name: z.string().min(1).max(256),
  tool_input: z.record(z.string(), z.json()),
  tool_use_id: z.string().min(1).max(256).optional(),
  cwd: z.string().max(4096).optional(),
  agent_id: z.string().optional(),
  agent_type: z.string().max(256).optional(),
  mcp_server: z.looseObject({ name: z.string().min(1).max(256) }).optional(),
});

const MAX_BYTES = 32 * 1024 * 1024;

/** Throws `INVALID_REQUEST`: what cannot be read cannot be permitted. */
export function hostCall(bytes: Uint8Array): HostCall {
  const parsed = shape.safeParse(parseStrict(bytes, { maxBytes: MAX_BYTES }));
  if (!parsed.success) throw new Refusal('INVALID_REQUEST', 'This is not what a PreToolUse hook is told.');
  const { tool_name: tool, tool_input: input, tool_use_id: use, cwd, agent_id, agent_type, mcp_server } = parsed.data;
  // Without an id it is the host's own agent, which may be of a named kind as well. With one and no name it is nobody
  // that we know.
  const agent = agent_id === undefined ? null : (agent_type ?? '');
  return { tool, server: mcp_server?.name ?? null, input, use: use ?? null, cwd: cwd ?? '', agent };
}
