import { verify as verifyTool } from '../../../tools/verify.ts';
import type { Command } from '../command.ts';
import { progress } from '../progress.ts';
import { plain, type Side, sheet } from '../terminal.ts';

interface Verdict {
  readonly valid: boolean;
  readonly findings: readonly {
    readonly sequence_number: number | null;
    readonly rule: string;
    readonly message: string;
  }[];
  readonly entries_checked: number;
  readonly signatures_checked: number;
  readonly head: { readonly size: number; readonly root_hash: string };
}

export const verify: Command = {
  name: 'verify',
  group: 'Look:',
  summary: 'Recompute the whole chain: every hash, link, signature and rule; exit 1 when anything is wrong',
  tool: verifyTool,
  examples: [
    ['verify', "The data directory's own chain:"],
    ['verify --target artifact --artifact-hash HASH', 'One lineage, from its root:'],
    ['verify --trust did:key:z6Mk…', 'With a key that you know from elsewhere:'],
  ],
  async run(desk, { input }) {
    const { watch, call } = desk.open();
    const bar = progress(desk.terminal, 'Judging the chain');
    watch(bar.watch);
    const answer = await call(verifyTool, input).finally(bar.stop);
    const verdict = answer as unknown as Verdict; // its output schema
    return { answer, failed: !verdict.valid, text: (out) => told(verdict, out) };
  },
};

function told({ valid, findings, entries_checked, signatures_checked, head }: Verdict, { paint }: Side): string {
  const title = valid
    ? paint('green', '✓ nothing is wrong')
    : paint('red', `✕ ${findings.length} finding${findings.length === 1 ? '' : 's'}`);
  const list = findings.map(({ sequence_number: at, rule, message }) => {
    const where = at === null ? 'chain' : `entry ${at}`;
    return `  ${paint('red', where)} ${rule}: ${plain(message)}`;
  });
  const counts = sheet(
    [
      ['entries', String(entries_checked)],
      ['signatures', String(signatures_checked)],
      ['head', `${head.size} entries, root ${head.root_hash}`],
    ],
    paint,
  );
  return [title, ...list, counts].join('\n');
}
