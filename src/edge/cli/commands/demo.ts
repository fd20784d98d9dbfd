import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '../command.ts';

/** Each scene is a line that anybody can type; what earlier scenes made stands in `$NAME`. */
const SCENES: readonly {
  readonly say: string;
  readonly line: readonly string[];
  readonly keep?: string;
  readonly refused?: true;
}[] = [
  {
    say: 'A coordinator gets a root: what it may hand out',
    line: ['create', '--subject', 'lead', '--permissions', '{"tool.call":["files/*"],"fs.read":["/ws/**"]}'],
    keep: 'ROOT',
  },
  {
    say: 'It hands part of that to a sub-agent, for ten minutes',
    line: ['delegate', '--parent-artifact-hash', '$ROOT', '--sub-agent-id', 'reader', '--ttl-seconds', '600'].concat([
      '--permissions',
      '{"tool.call":["files/read_*"],"fs.read":["/ws/reports/**"]}',
    ]),
    keep: 'READER',
  },
  {
    say: 'What the sub-agent was not given, it may not do',
    line: ['check', '--artifact-hash', '$READER', '--capability', 'fs.read', '--resource', '/ws/salaries.md'],
    refused: true,
  },
  {
    say: 'Nobody hands out more than they hold',
    line: ['delegate', '--parent-artifact-hash', '$ROOT', '--sub-agent-id', 'greedy', '--permitted-tools', 'shell/*'],
    refused: true,
  },
  { say: 'Who holds what', line: ['tree', '$ROOT'] },
  { say: 'One revocation ends a subtree', line: ['revoke', '$ROOT', '--reason', 'the demo is over', '--yes'] },
  { say: 'Everything stands on the chain', line: ['log'] },
  { say: 'And all of it can be recomputed', line: ['verify'] },
];

export const demo: Command = {
  name: 'demo',
  group: 'Look:',
  summary: 'Show the main use with these very commands, in a temporary data directory',
  examples: [['demo', 'To see what this is about:']],
  async run({ terminal, json }) {
    const out = json ? terminal.err : terminal.out;
    const dataDir = await mkdtemp(join(tmpdir(), 'aga-demo-'));
    const kept = new Map<string, string>();
    const codes: number[] = [];
    try {
      for (const { say, line, keep } of SCENES) {
        out.line(`\n${out.paint('bold', say)}\n${out.paint('dim', `$ aga-delegate ${line.map(quoted).join(' ')}`)}`);
        const filled = line.map((word) => kept.get(word) ?? word);
        const { code, text } = await play(['--data-dir', dataDir, ...filled]);
        out.line(text.trimEnd());
        codes.push(code);
        if (keep) kept.set(`$${keep}`, /[0-9a-f]{64}/.exec(text)?.[0] ?? '');
      }
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
    const failed = codes.some((code, scene) => (code === 0) === (SCENES[scene]?.refused ?? false));
    return { answer: { scenes: SCENES.length, exit_codes: codes }, failed, text: () => '' };
  },
};

const quoted = (word: string): string => (/^[\w$./*-]+$/.test(word) ? word : `'${word}'`);

/** Runs this program; both of its outputs as a person would see them. */
function play(args: readonly string[]): Promise<{ code: number; text: string }> {
  const program = process.argv[1] ?? '';
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { env: plain(process.env) },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, text: stdout + stderr }),
    );
  });
}

/** Without settings of ours: the demo touches nothing that exists. */
const plain = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AGA_')));
