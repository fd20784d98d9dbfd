import { Option } from 'commander';
import type { Rotated } from '../../../installation/rotating.ts';
import type { Command, Outcome } from '../command.ts';
import { type Paint, sheet } from '../terminal.ts';
import { usage } from '../usage.ts';

export const keys: Command = {
  name: 'keys',
  group: 'Look:',
  summary: 'Print the public keys of authority and log, for others to trust; or give the log a new key',
  options: [
    new Option('--rotate', 'Switch the log to its next key: one entry on the chain, signed by the authority'),
    new Option('--next', 'Make the next key and print it: other replicas must have it before --rotate'),
    new Option('--reason <text>', 'Reason, for the entry').default('rotated by the operator'),
  ],
  examples: [
    ['keys --json', 'For an auditor, or a verifier on another machine:'],
    [
      'keys --rotate --reason "yearly"',
      'Replace the key, for example when it may have leaked; repeat this if it is interrupted:',
    ],
  ],
  async run(desk, { options }) {
    const { rotate, next, reason } = options;
    if (rotate === true && next === true) usage(desk.terminal, '--next and --rotate are separate steps');
    if (rotate === true || next === true) {
      const rotating = await import('../../../installation/rotating.ts');
      if (rotate === true) return changed(await rotating.rotate(desk.settings(), String(reason)));
      return listed(await rotating.prepare(desk.settings()));
    }
    const { authority, log } = await desk.open();
    return listed({ authority, log });
  },
};

const listed = (answer: object): Outcome => ({
  answer,
  text: ({ paint }) => sheet(Object.entries(answer), paint),
});

const KEPT = 'Now set the new key as the log key (AGA_LOG_KEY, AGA_KEY_COMMAND), and remove the former one.';

function changed(answer: Rotated): Outcome {
  const { authority, log, previous_log, chain, settled } = answer;
  const rows = [
    ['authority', authority],
    ['log', log],
    ['until now', previous_log],
    ['entry', String(chain.sequence_number)],
  ] as const;
  const told = (paint: Paint): string[] => [sheet(rows, paint), ...(settled ? [] : [KEPT])];
  return { answer, text: ({ paint }) => told(paint).join('\n') };
}
