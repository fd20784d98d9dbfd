import type { Command } from '../command.ts';
import { sheet } from '../terminal.ts';

export const keys: Command = {
  name: 'keys',
  group: 'Look:',
  summary: 'Print the public keys that others trust: of the authority and of the log',
  examples: [['keys --json', 'For an auditor, or a verifier on another machine:']],
  async run(desk) {
    const { authority, log } = await desk.open();
    const answer = { authority, log };
    return { answer, text: ({ paint }) => sheet(Object.entries(answer), paint) };
  },
};
