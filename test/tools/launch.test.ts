import { expect, it } from 'vitest';
import { launchOf } from '../../src/tools/launch.ts';
import { POLICY } from '../kernel.ts';

const hash = '0123456789abcdef'.repeat(4);
const frontmatter = (agent: string) => Object.fromEntries(agent.split('\n').map((line) => line.split(/: (.*)/)));

/** Seen with Claude Code 2.1.330: without a list of tools an agent has every tool of its parent, the operator's connection among them. */
it('gives an agent of Claude Code its own server and nothing of its parent’s', () => {
  const { claude_agent } = launchOf({ subject: 'Reader: a', hash, purpose: 'read' }, { artifact: hash }, POLICY);
  expect(frontmatter(claude_agent)).toMatchObject({
    name: 'aga-reader-a-01234567',
    tools: 'mcp__aga-reader-a-01234567__*',
  });
});

it('adds the tools of the host that the artifact names, one by one', () => {
  const permissions = { 'tool.call': ['claude-code/Read', 'claude-code/W*', 'claude-code/**', 'other/Bash', '**'] };
  const { claude_agent } = launchOf(
    { subject: 'r', hash, purpose: 'p', scope: { permissions } },
    { artifact: hash },
    POLICY,
  );
  expect(frontmatter(claude_agent)).toMatchObject({ tools: 'mcp__aga-r-01234567__*, Read' });
});
