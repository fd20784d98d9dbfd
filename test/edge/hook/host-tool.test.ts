/** What Claude Code 2.1.330 has really told a hook (paths and ids replaced), in terms of the law. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type HostCall, hostCall } from '../../../src/edge/hook/host-call.ts';
import { callOf, isLookup, mcpTool, touchedBy } from '../../../src/edge/hook/host-tool.ts';

const recorded = readFileSync(join(import.meta.dirname, 'claude-code-2.1.330.jsonl'), 'utf8')
  .trimEnd()
  .split('\n');
const read = (line: string): HostCall => hostCall(Buffer.from(line));

function said(call: HostCall): string {
  const act = callOf(call);
  const touched = () => touchedBy(call, act).map(({ capability, resource }) => `${capability} ${resource}`);
  return [call.agent ?? '-', act.resource, ...touched()].join(' | ');
}

describe('what the host tells', () => {
  it('names the agent, the tool and what it touches', () => {
    expect(recorded.map((line) => said(read(line)))).toEqual([
      '- | claude-code/Bash',
      '- | claude-code/Agent | agent.delegate reader',
      'reader | claude-code/Read | fs.read /ws/reports/q3.md',
      'reader | claude-code/Bash',
      'reader | claude-code/Write | fs.write /ws/n.txt',
      'reader | claude-code/Edit | fs.read /ws/n.txt | fs.write /ws/n.txt',
      'reader | claude-code/ToolSearch',
      'reader | aga-delegate/aga_inspect',
      'reader | claude-code/ReadMcpResourceTool | mcp.resource aga-delegate',
      'reader | claude-code/WebFetch | net.fetch https://example.com/x',
      'reader | claude-code/NotebookEdit | fs.read /ws/a.ipynb | fs.write /ws/a.ipynb',
      'reader | claude-code/Agent | agent.delegate Explore',
      'Explore | claude-code/Read | fs.read /ws/secret.txt',
      'general-purpose | claude-code/Read | fs.read /ws/secret.txt',
      'reader | claude-code/Monitor',
      'reader | claude-code/Skill',
      '- | claude-code/Workflow',
      'workflow-subagent | claude-code/Read | fs.read /ws/reports/q3.md',
      'reader | claude-code/Glob | fs.read /project',
      // Relative as the host passes it on, which no pattern permits.
      'reader | claude-code/Grep | fs.read ../ws',
    ]);
  });

  it('names each use', () => {
    const calls = recorded.map(read);
    expect(new Set(calls.map(({ use }) => use)).size).toBe(recorded.length);
    expect(calls.filter(isLookup).map(({ tool }) => tool)).toEqual(['ToolSearch']);
  });

  it('says whose tool it is, which its name alone does not', () => {
    const call = { tool: 'mcp__aga-delegate__fs__read', server: null, input: {}, use: null, cwd: '', agent: null };
    expect(mcpTool(call)).toEqual({ server: 'aga-delegate', tool: 'fs__read' });
    expect(mcpTool({ ...call, server: 'aga-delegate__fs' })).toEqual({ server: 'aga-delegate__fs', tool: 'read' });
    expect(mcpTool({ ...call, tool: 'mcp__plugin_a_b__x', server: 'plugin:a:b' })).toEqual({
      server: 'plugin_a_b',
      tool: 'x',
    });
    expect(mcpTool({ ...call, tool: 'Read' })).toBe(undefined);
  });

  it('names an agent that is started without a name, or none', () => {
    const call = { tool: 'Agent', server: null, input: {}, use: null, cwd: '', agent: 'reader' };
    expect(said(call)).toContain('agent.delegate general-purpose');
    expect(() => said({ ...call, input: { subagent_type: ['writer'] } })).toThrow('not text');
  });
});
