import { Option } from 'commander';
import type { Rotated } from '../../../installation/rotating.ts';
import type { Command, Outcome } from '../command.ts';
import { type Paint, sheet } from '../terminal.ts';
import { usage } from '../usage.ts';

export const keys: Command = {
  name: 'keys',
  group: 'Look:',
  summary: 'Print the public keys that others trust, of the authority and of the log; or give the log another key',
  options: [
    new Option('--rotate', 'Let the log go over to its next key: one entry on the chain, signed by the authority'),
    new Option('--next', 'Make the key that shall follow, and print it: what other replicas must have before'),
    new Option('--reason <text>', 'Why, for the entry').default('rotated by the operator'),
  ],
  examples: [
    ['keys --json', 'For an auditor, or a verifier on another machine:'],
    [
      'keys --rotate --reason "yearly"',
      'When it is time, or the old key may have leaked; repeat it if it is interrupted:',
    ],
  ],
  async run(desk, { options }) {
    const { rotate, next, reason } = options;
    if (rotate === true && next === true) usage(desk.terminal, '--rotate and --next are two steps');
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

const KEPT = 'Bring the new key as the log’s now (AGA_LOG_KEY, AGA_KEY_COMMAND), and take the former one away.';

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
