import * as z from 'zod';
import { artifactHash } from '../../../tools/schema.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import type { LogEntry } from '../entry-line.ts';
import { pages } from '../follow.ts';
import { plain, type Side } from '../terminal.ts';

/** One kind of act that was recorded. */
interface Use {
  readonly capability: string;
  /** `<server>/<tool>`; null where it was no tool call. */
  readonly tool: string | null;
  calls: number;
  /** How many of them shadow mode let pass. */
  refused: number;
}

/** A list of patterns holds no more. */
const MOST = 256;

export const suggest: Command = {
  name: 'suggest',
  group: 'Look:',
  summary: 'Print the smallest scope that covers the calls recorded so far, ready to paste',
  input: z.strictObject({
    artifact_hash: artifactHash.optional().describe('Only what was called under this artifact. Omit for all'),
  }),
  hash: { parameter: 'artifact_hash', required: false },
  examples: [
    ['suggest', 'After a run with "mode": "shadow" in the configuration:'],
    ['suggest HASH --json', 'What one agent needs:'],
  ],
  async run(desk, { input }): Promise<Outcome> {
    const uses = await recorded(desk, input);
    const tools = uses.flatMap(({ tool }) => tool ?? []).sort();
    const answer = { permissions: { 'tool.call': tools.length > MOST ? byServer(tools) : tools }, uses };
    return { answer, text: (out) => told(answer, out) };
  },
};

/** Calls that went out: permitted ones, and those that only shadow mode let pass. */
async function recorded(desk: Desk, input: Given['input']): Promise<Use[]> {
  const uses = new Map<string, Use>();
  const query = { ...input, kind: 'DECISION', limit: 500 };
  for await (const page of pages(desk, query)) {
    for (const { event } of page as readonly (LogEntry & { event: { capability?: string; tool?: string | null } })[]) {
      const { capability = '', tool = null, verdict, mode } = event;
      if (verdict !== 'permit' && mode !== 'shadow') continue;
      const key = JSON.stringify([capability, tool]);
      const use = uses.get(key) ?? { capability, tool, calls: 0, refused: 0 };
      use.calls += 1;
      if (verdict !== 'permit') use.refused += 1;
      uses.set(key, use);
    }
  }
  return [...uses.values()];
}

const byServer = (tools: readonly string[]): string[] =>
  [...new Set(tools.map((tool) => `${tool.split('/')[0]}/**`))].sort();

function told(
  { permissions, uses }: { permissions: Record<string, readonly string[]>; uses: readonly Use[] },
  { paint }: Side,
): string {
  if (uses.length === 0) {
    return 'No calls are recorded. Set "mode": "shadow" in the configuration file, let the agents work, then ask again.';
  }
  const list = uses.map(({ capability, tool, calls, refused }) => {
    const count = `${calls} call${calls === 1 ? '' : 's'}${refused > 0 ? paint('yellow', `, ${refused} would have been refused`) : ''}`;
    return `  ${plain(tool ?? capability)}  ${paint('dim', count)}`;
  });
  return [
    ...list,
    '',
    `--permissions '${JSON.stringify(permissions)}'`,
    '',
    paint('dim', 'Arguments stand on the chain as digests only: narrow paths and hosts by hand.'),
  ].join('\n');
}
