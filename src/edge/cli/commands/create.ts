import { span } from '../../../base/span.ts';
import { createArtifact } from '../../../tools/create-artifact.ts';
import type { Command } from '../command.ts';
import { granted } from '../granted.ts';
import { plain, sheet, wallClock } from '../terminal.ts';

export const create: Command = {
  name: 'create',
  group: 'Delegate:',
  summary: 'Create a root artifact: what a coordinator may hand out',
  tool: createArtifact,
  examples: [
    [
      'create --subject research-lead --permitted-tools "fs/*" --permitted-tools "git/*"',
      'Two servers, every tool of them, for an hour:',
    ],
    [
      `create --permissions '{"fs.read":["/ws/**"],"cost.budget":["USD:5.00"]}' --ttl-seconds 86400`,
      'Reading under /ws and five dollars, for a day:',
    ],
  ],
  async run(desk, { input }) {
    const answer = await (await desk.open()).call(createArtifact, input);
    return {
      answer,
      text({ paint }) {
        const { artifact_hash, subject, permissions, expires_at } = answer;
        return sheet(
          [
            ['artifact', paint('bold', artifact_hash)],
            ['subject', plain(subject)],
            ['expires', `${wallClock(expires_at)} (in ${span(Date.parse(expires_at) - Date.now())})`],
            ...granted(permissions),
          ],
          paint,
        );
      },
    };
  },
};
