import { Option } from 'commander';
import { Refusal } from '../../../base/refusal.ts';
import { inspect } from '../../../tools/inspect.ts';
import { revokeArtifact } from '../../../tools/revoke-artifact.ts';
import type { Answer } from '../../../tools/tool.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import { drawn } from '../drawn.ts';
import { askWhether } from '../questions.ts';

type Revoked = Answer<typeof revokeArtifact>;

const REASON = 'Revoked on the command line';

export const revoke: Command = {
  name: 'revoke',
  group: 'Delegate:',
  summary: 'End an artifact and everything delegated from it; shows what, and asks',
  tool: revokeArtifact,
  hash: { parameter: 'artifact_hash', required: true },
  optional: ['reason'],
  options: [new Option('-y, --yes', 'Do not ask')],
  examples: [
    ['revoke HASH --reason "run finished"', 'Show what would end, ask, revoke:'],
    ['revoke HASH --dry-run', 'Only show it:'],
    ['revoke HASH --reason leaked --yes', 'In a script:'],
  ],
  async run(desk, { input, options }) {
    const { call } = await desk.open();
    const asked = { reason: REASON, ...input };
    const plan = await call(revokeArtifact, { ...asked, dry_run: true });
    const settled = input.dry_run === true || plan.already_revoked || options.yes === true;
    if (!settled) await confirm(desk, plan, input);
    return told(await call(revokeArtifact, asked), input);
  },
};

/** Shows the subtree and asks. Throws where nobody can answer, and where the answer is no. */
async function confirm(
  { terminal, open }: Desk,
  { revoked_count }: Revoked,
  { artifact_hash }: Given['input'],
): Promise<void> {
  const what = revoked_count === 1 ? 'one artifact' : `${revoked_count} artifacts`;
  if (!terminal.interactive) {
    throw new Refusal(
      'INVALID_REQUEST',
      `Nothing was changed: this would end ${what}, and there is no terminal to confirm it on.`,
      {
        hint: 'Repeat it with --yes; with --dry-run it says what would end.',
      },
    );
  }
  const { tree = [], drawing = '' } = await (await open()).call(inspect, { artifact_hash, view: 'tree' });
  terminal.err.line(drawn(drawing, tree, terminal.err));
  const yes = await askWhether(`End ${what} for ever?`);
  if (!yes) throw new Refusal('CANCELLED', 'Nothing was changed.', { hint: 'The artifacts remain valid.' });
}

function told(answer: Revoked, { dry_run }: Given['input']): Outcome {
  return {
    answer,
    text({ paint }) {
      const { revoked, revoked_count, already_revoked } = answer;
      if (already_revoked) return 'It was already revoked; nothing was written.';
      const verb = dry_run === true ? 'would end' : 'ended';
      const count = `${revoked_count} artifact${revoked_count === 1 ? '' : 's'}`;
      return [`${paint('red', verb)} ${count}`, ...revoked.map((hash) => `  ${hash}`)].join('\n');
    },
  };
}
