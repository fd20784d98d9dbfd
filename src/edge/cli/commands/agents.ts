import { span } from '../../../base/span.ts';
import type { Agent } from '../../http/agent.ts';
import type { Command } from '../command.ts';
import { plain, type Side, type Style } from '../terminal.ts';

const COLOURS: { readonly [phase in Agent['status']['phase']]: Style } = {
  Pending: 'yellow',
  Active: 'green',
  Expired: 'dim',
  Revoked: 'red',
};

export const agents: Command = {
  name: 'agents',
  group: 'Look:',
  looks: true,
  summary: 'List the agents that you can see: pending, active, expired and revoked',
  examples: [
    ['agents', 'The agents of this data directory, or with AGA_URL and a token of another authority:'],
    ['agents --json', 'The same as AgentIdentity resources:'],
  ],
  async run(desk) {
    const list = await (await desk.open()).agents();
    return { answer: list, text: (out) => table(list.items, out) };
  },
};

function table(items: readonly Agent[], { paint }: Side): string {
  if (items.length === 0) return 'There are none.';
  const head = ['NAME', 'ID', 'PHASE', 'PARENT', 'PRESET', 'ENDS'];
  const rows = items.map(({ metadata, spec, status }) => [
    plain(metadata.name),
    metadata.uid,
    status.phase,
    plain(spec.parentRef?.name ?? '-'),
    plain(spec.policyPreset ?? '-'),
    ends(status),
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]!.length)));
  const line = (row: readonly string[]): string[] => row.map((cell, at) => cell.padEnd(widths[at]!));
  return [
    paint('dim', line(head).join('  ').trimEnd()),
    ...rows.map((row, index) => {
      const cells = line(row);
      cells[2] = paint(COLOURS[items[index]!.status.phase], cells[2]!);
      return cells.join('  ').trimEnd();
    }),
  ].join('\n');
}

function ends({ phase, expiresAt }: Agent['status']): string {
  if (phase === 'Expired' || phase === 'Revoked') return '-';
  return `in ${span(Date.parse(expiresAt) - Date.now())}`;
}
