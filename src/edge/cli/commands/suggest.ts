import * as z from 'zod';
import type { Config } from '../../../config/file.ts';
import { EVERYTHING } from '../../../scope/capability.ts';
import { name as names } from '../../../scope/language/name.ts';
import { parseCeiling } from '../../../scope/preset.ts';
import { artifactHash } from '../../../tools/schema.ts';
import { mapOf } from '../../gateway/maps.ts';
import { HOST, HOST_MAP } from '../../hook/host-tool.ts';
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

const CALL = 'tool.call';
/** A list of patterns holds no more. */
const MOST = 256;

export const suggest: Command = {
  name: 'suggest',
  group: 'Look:',
  looks: true,
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
    const tools = uses.flatMap(({ tool }) => (tool !== null && isName(tool) ? [tool] : [])).sort();
    const permissions = { [CALL]: tools.length > MOST ? byServer(tools) : tools, ...besides(uses, desk.settings()) };
    const answer = { permissions, uses };
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

/** Whether a permission can name it, and nothing else with it. In shadow mode names are whatever an agent writes. */
function isName(tool: string): boolean {
  try {
    names.parse([tool], CALL);
    return !tool.includes('*');
  } catch {
    return false;
  }
}

/**
 * What else those calls needed: the files and URLs that the maps find in them, and what was no tool call. Which ones,
 * the chain does not know, so this is all that a root may have.
 */
function besides(uses: readonly Use[], { config }: { readonly config: Config }): Record<string, readonly string[]> {
  const needed = new Set(uses.flatMap(({ capability, tool }) => (tool === null ? capability : touches(tool, config))));
  needed.delete(CALL);
  const { root_ceiling: ceiling } = config;
  const most = ceiling === undefined ? EVERYTHING : parseCeiling(ceiling, 'root_ceiling').permissions;
  return Object.fromEntries([...needed].sort().flatMap((name) => (most[name] ? [[name, most[name]]] : [])));
}

function touches(tool: string, { maps }: Config): readonly string[] {
  const [server = ''] = tool.split('/', 1);
  const map = server === HOST ? HOST_MAP : mapOf(maps, server);
  return map?.get(tool.slice(server.length + 1))?.flatMap(({ how }) => how) ?? [];
}

const byServer = (tools: readonly string[]): string[] =>
  [...new Set(tools.map((tool) => `${tool.split('/')[0]}/**`))].sort();

/** The same JSON, in which nothing ends the quotation of a shell or cannot be seen. */
const pasteable = (json: string): string =>
  json.replace(/['\p{C}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );

function told(
  { permissions, uses }: { permissions: Record<string, readonly string[]>; uses: readonly Use[] },
  { paint }: Side,
): string {
  if (uses.length === 0) {
    return 'No calls are recorded. Set "mode": "shadow" in the configuration file, let the agents work, then ask again.';
  }
  const list = uses.map(({ capability, tool, calls, refused }) => {
    const count = `${calls} call${calls === 1 ? '' : 's'}${refused > 0 ? paint('yellow', `, ${refused} would have been refused`) : ''}`;
    const odd = tool === null || isName(tool) ? '' : ', no permission can name it';
    return `  ${plain(tool ?? capability)}  ${paint('dim', count + odd)}`;
  });
  return [
    ...list,
    '',
    `--permissions '${pasteable(JSON.stringify(permissions))}'`,
    '',
    paint('dim', 'The chain has only digests of the arguments: narrow paths and hosts by hand.'),
  ].join('\n');
}
