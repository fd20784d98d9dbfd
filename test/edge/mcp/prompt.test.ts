import { describe, expect, it } from 'vitest';
import { delegateTask } from '../../../src/edge/mcp/prompt.ts';

describe('delegate-task', () => {
  it('asks for the task, and names the sub-agent where one is named', () => {
    expect(JSON.stringify(delegateTask({ task: 'count files' }))).toContain('to a sub-agent: count files');
    expect(JSON.stringify(delegateTask({ task: 'count', sub_agent: 'clerk' }))).toContain('to clerk: count');
  });

  it.each([
    [{}, 'task', 'is missing'],
    [{ task: '' }, 'task', 'says something'],
    [{ task: ' \n' }, 'task', 'says something'],
    [{ task: 7 }, 'task', 'must be text'],
    [{ sub_agent: 'clerk' }, 'task', 'is missing'],
    [{ task: 'count', sub_agent: null }, 'sub_agent', 'must be text'],
  ])('%j is the protocol error that names the argument %s', (args, argument, said) => {
    const message = expect.stringMatching(new RegExp(`"${argument}".*${said}`));
    expect(() => delegateTask(args)).toThrow(expect.objectContaining({ code: -32602, message, data: { argument } }));
  });
});
