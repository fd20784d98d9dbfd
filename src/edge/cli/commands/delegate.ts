import { span } from '../../../base/span.ts';
import { delegateToSubagent } from '../../../tools/delegate-to-subagent.ts';
import { type Command, short } from '../command.ts';
import { granted } from '../granted.ts';
import { plain, sheet, wallClock } from '../terminal.ts';

export const delegate: Command = {
  name: 'delegate',
  group: 'Delegate:',
  summary: 'Derive an artifact for a sub-agent: never more than its parent holds',
  tool: delegateToSubagent,
  examples: [
    [
      'delegate --parent-artifact-hash HASH --sub-agent-id reader --permitted-tools "fs/read_*"',
      'The reading tools only, for half an hour:',
    ],
    [
      `delegate --parent-artifact-hash HASH --permissions '{"net.fetch":["https://api.example.com/**"]}' --ttl-seconds 600`,
      'One host, for ten minutes:',
    ],
    ['delegate --parent-artifact-hash HASH --sub-agent-id reader --enroll', 'With a token for `aga-delegate run`:'],
  ],
  async run(desk, { input }) {
    const answer = await (await desk.open()).call(delegateToSubagent, input);
    return {
      answer,
      text({ paint }) {
        const life = `in ${span(answer.effective_ttl_seconds * 1000)}${answer.ttl_clamped ? ', with its parent' : ''}`;
        return sheet(
          [
            ['artifact', paint('bold', answer.child_artifact_hash)],
            ['sub-agent', plain(answer.sub_agent_id)],
            ['parent', short(answer.parent_artifact_hash)],
            ['expires', `${wallClock(answer.expires_at)} (${life})`],
            ...granted(answer.permissions),
            ['token', answer.enrollment?.token ?? ''],
          ],
          paint,
        );
      },
    };
  },
};
