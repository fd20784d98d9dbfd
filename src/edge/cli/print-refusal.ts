/** A refusal on the command line: JSON for programs; for people what was wrong, and what to do next. */
import { type Code, Refusal } from '../../base/refusal.ts';
import type { CannotStart } from '../../cannot-start.ts';
import { refusalBody } from '../mcp/result.ts';
import type { Command } from './command.ts';
import { plain, type Terminal } from './terminal.ts';

/** Hints that speak of tools mean commands here. */
const HINTS: { readonly [C in Code]?: string } = {
  LEASE_SUBSET_VIOLATION: 'Ask for no more than the parent holds.',
  ARTIFACT_NOT_FOUND: 'To see the artifacts that there are: aga-delegate tree',
  NOT_OPERATOR: 'Leave out --artifact and AGA_ARTIFACT to act as the operator.',
};

const CORRECT = 'Correct what the message names, and run the command again.';

export function printRefusal(
  error: Refusal | CannotStart,
  { out, err }: Terminal,
  json: boolean,
  { tool }: Command,
): void {
  const isStart = !(error instanceof Refusal);
  if (isStart) err.line(`aga-delegate: ${error.message}`);
  if (json) {
    const said = isStart ? new Refusal('INVALID_REQUEST', error.message, { hint: CORRECT }) : error;
    out.line(JSON.stringify(refusalBody(said), null, out.tty ? 2 : 0));
  }
  if (isStart || json) return;
  const { code, message, hint, detail } = error;
  err.line(`${err.paint('red', code)}: ${plain(message)}`);
  for (const line of excess(detail)) err.line(`  ${line}`);
  err.line(err.paint('dim', plain(code === 'NO_ARTIFACT' ? hintFor(tool?.input.shape ?? {}) : (HINTS[code] ?? hint))));
}

function hintFor(parameters: object): string {
  const name = ['parent_artifact_hash', 'artifact_hash'].find((each) => each in parameters) ?? 'artifact_hash';
  return `Name it with --${name.replaceAll('_', '-')} HASH; to see what there is: aga-delegate tree`;
}

type Excess = { readonly capability?: unknown; readonly pattern?: unknown; readonly parent?: unknown };

/** What was asked for beyond the parent, and the nearest request that would pass. */
function excess(detail: unknown): string[] {
  const { excess = [], nearest_allowed } = (detail ?? {}) as { excess?: readonly Excess[]; nearest_allowed?: object }; // only read
  if (!Array.isArray(excess)) return [];
  const lines = excess.slice(0, 10).map(({ capability, pattern, parent }: Excess) => {
    const has = Array.isArray(parent) && parent.length > 0 ? parent.join(', ') : 'nothing of it';
    return plain(`${String(capability)}: ${String(pattern)} (the parent has ${has})`);
  });
  if (excess.length > 10) lines.push(`… and ${excess.length - 10} more`);
  return nearest_allowed ? [...lines, `this would pass: ${plain(asFlags(nearest_allowed))}`] : lines;
}

/** A request as it is typed: words as they are, the rest as JSON; the shell takes all that stands in single quotes. */
const asFlags = (request: object): string =>
  Object.entries(request)
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const)
    .map(([name, text]) => `--${name.replaceAll('_', '-')} '${text.replaceAll("'", `'\\''`)}'`)
    .join(' ');
