import { inspect } from '../../../tools/inspect.ts';
import type { Command } from '../command.ts';
import { drawn } from '../drawn.ts';

export const tree: Command = {
  name: 'tree',
  group: 'Look:',
  looks: true,
  summary: 'Draw what was delegated: who holds what, how long it lives, what is left',
  tool: inspect,
  known: ['view'],
  hash: { parameter: 'artifact_hash', required: false },
  examples: [
    ['tree', 'Every root and what descends from it:'],
    ['tree HASH --json', 'One subtree, for a program:'],
  ],
  async run(desk, { input }) {
    const answer = await (await desk.open()).call(inspect, { ...input, view: 'tree' });
    const { tree = [], drawing = '' } = answer;
    return { answer, text: (out) => drawn(drawing, tree, out) };
  },
};
