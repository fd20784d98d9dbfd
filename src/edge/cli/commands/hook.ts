/**
 * `hook`: a `PreToolUse` hook of Claude Code. It says no in the host's own format, and otherwise nothing: a yes of ours would
 * pass over the questions that the host asks its user.
 *
 * A no is said three times: the host shows the model what stands in the JSON, heeds exit code 2 also where something else has
 * been printed around it, and shows what stands on stderr then.
 */
import { Option } from 'commander';
import { Refusal } from '../../../base/refusal.ts';
import { CannotStart } from '../../../cannot-start.ts';
import type { Command, Outcome } from '../command.ts';
import type { Terminal } from '../terminal.ts';

/** The host lets a call pass whose hook it has waited for long enough: a minute in older versions, ten now. */
const PATIENCE_MS = 45_000;
const NO = 2;

export const hook: Command = {
  name: 'hook',
  group: 'Delegate:',
  summary: 'Judge what Claude Code is about to do, as its PreToolUse hook',
  options: [
    new Option('--server <name>', 'What the host calls this server; may be given more than once')
      .argParser((name: string, before: readonly string[] = []) => [...before, name])
      .default(undefined, 'aga-delegate'),
  ],
  examples: [['hook', 'In the hooks of settings.json; what the host says is read from stdin:']],
  async run(desk, { options }) {
    const servers = Array.isArray(options.server) ? options.server.map(String) : ['aga-delegate'];
    try {
      const judged = async () => (await desk.open()).hook(await stdin(), servers);
      const refusal = await inTime(judged(), PATIENCE_MS);
      return refusal ? deny(refusal, desk.terminal) : outcome(0);
    } catch (error) {
      // Whatever goes wrong, the answer is no: any other end of a hook lets the call pass.
      return deny(error instanceof CannotStart ? unable(error) : Refusal.from(error), desk.terminal);
    }
  },
};

const unable = ({ message }: CannotStart): Refusal =>
  new Refusal('INTERNAL', message, { hint: 'The hook is not set up right, so nothing is permitted: tell the user.' });

const outcome = (exit: number): Outcome => ({ answer: {}, text: () => '', exit });

function deny(refusal: Refusal, { out, err }: Terminal): Outcome {
  const permissionDecisionReason = reasonOf(refusal);
  out.line(
    JSON.stringify({
      hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason },
    }),
  );
  err.line(permissionDecisionReason);
  return outcome(NO);
}

/** For a model that reads nothing else: what was wrong, what would have been allowed, what to do. */
export function reasonOf({ code, message, hint, detail }: Refusal): string {
  const { nearest_allowed: nearest } = (detail ?? {}) as { nearest_allowed?: { permissions: object } | null }; // only read
  const allowed = nearest ? `Permitted is ${JSON.stringify(nearest.permissions)}.` : '';
  return [`${code}: ${message.replace(/[.!?]?$/, '.')}`, allowed, hint].filter(Boolean).join(' ');
}

/** Rejects with `INTERNAL` where there is no answer in time. */
export async function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refusal('INTERNAL', `No answer within ${ms / 1000} seconds.`)), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

async function stdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks);
}
