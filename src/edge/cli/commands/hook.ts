/**
 * `hook`: a `PreToolUse` hook of Claude Code. It says no in the host's own format, and otherwise nothing: a yes of ours would
 * pass over the questions that the host asks its user.
 */
import { Option } from 'commander';
import { Refusal } from '../../../base/refusal.ts';
import { CannotStart } from '../../../keys/file.ts';
import type { Command } from '../command.ts';

const silent = { answer: {}, text: () => '', exit: 0 };

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
    const { out } = desk.terminal;
    const servers = Array.isArray(options.server) ? options.server.map(String) : ['aga-delegate'];
    try {
      const refusal = await (await desk.open()).hook(await stdin(), servers);
      if (refusal) out.line(denial(refusal));
    } catch (error) {
      // Whatever goes wrong, the answer is no: any other end of a hook lets the call pass.
      out.line(denial(error instanceof CannotStart ? new Refusal('INTERNAL', error.message) : Refusal.from(error)));
    }
    return silent;
  },
};

function denial({ code, message, hint }: Refusal): string {
  const permissionDecisionReason = `${code}: ${message} ${hint}`.trim();
  return JSON.stringify({
    hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason },
  });
}

async function stdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks);
}
