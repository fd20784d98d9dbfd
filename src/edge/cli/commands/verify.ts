import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Option } from 'commander';
import type { Answer } from '../../../tools/tool.ts';
import { verify as verifyTool } from '../../../tools/verify.ts';
import { refuseNothing } from '../begun.ts';
import type { Command, Outcome } from '../command.ts';
import { verifyFile } from '../evidence-file.ts';
import { progress } from '../progress.ts';
import { plain, type Side, sheet } from '../terminal.ts';
import { usage } from '../usage.ts';

/** What is judged of a file alone: of the chain here it would be ignored, and the answer believed. */
const OF_FILES = [
  ['logKey', '--log-key'],
  ['at', '--at'],
  ['arguments', '--arguments'],
  ['witness', '--witness'],
  ['quorum', '--quorum'],
  ['maxAge', '--max-age'],
  ['succession', '--succession'],
] as const;

export const verify: Command = {
  name: 'verify',
  group: 'Look:',
  summary: 'Verify a file of evidence, or without one the whole chain; exit 1 when anything is wrong',
  tool: verifyTool,
  known: ['bundle_path'],
  file: 'evidence to verify, with --trust; - is stdin; needs no data directory',
  options: [
    new Option('--log-key <key>', "For a file: the log's C2SP verifier key, if you know it"),
    new Option('--at <time>', 'For a file: refuse what is dated later than this. Omit for now'),
    new Option('--arguments <file>', 'For a file: a JSON list of call arguments, judged where their digests occur'),
    new Option('--witness <key>', 'For a file: C2SP verifier key of a witness (repeat it)').argParser(listed),
    new Option('--quorum <count>', 'For a file: how many of the witnesses must have cosigned. Omit for all'),
    new Option('--max-age <duration>', 'For a statement of freshness: how old it may be, such as 5m. Omit for any age'),
    new Option(
      '--succession <file>',
      "For a statement of freshness, with the authority's key: a bundle, or LOG_KEY entries of log --json",
    ),
    new Option('--html', 'Print the path of the page that verifies files in a browser, offline'),
  ],
  examples: [
    ['verify', "The data directory's own chain:"],
    ['verify evidence.json --trust did:key:z6Mk…', 'A file that somebody gave you, on any machine:'],
    ['verify fresh.json --trust did:key:z6Mk… --max-age 5m', "A small statement, by the did:key of the log's key:"],
    ['verify --target artifact --artifact-hash HASH', 'One lineage, from its root:'],
    ['verify --trust did:key:z6Mk…', 'With a key that you know from elsewhere:'],
  ],
  async run(desk, given) {
    const { input, options } = given;
    if (options.html === true) return page();
    if (typeof options.file === 'string') return verifyFile(options.file, given, desk.terminal);
    const stray = OF_FILES.find(([option]) => options[option] !== undefined);
    if (stray) usage(desk.terminal, `${stray[1]} is for a file of evidence; name one`);
    await refuseNothing(desk);
    const { watch, call } = await desk.open();
    const bar = progress(desk.terminal, 'Judging the chain');
    watch(bar.watch);
    const answer = await call(verifyTool, input).finally(bar.stop);
    return { answer, failed: !answer.valid, text: (out) => told(answer, out) };
  },
};

function listed(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** It is built beside this program. */
function page(): Outcome {
  const path = join(dirname(realpathSync(process.argv[1] ?? '')), 'verify.html');
  return { answer: { path }, text: () => path };
}

function told(
  { valid, findings, entries_checked, signatures_checked, head }: Answer<typeof verifyTool>,
  { paint }: Side,
): string {
  const title = valid
    ? paint('green', '✓ nothing is wrong')
    : paint('red', `✕ ${findings.length} finding${findings.length === 1 ? '' : 's'}`);
  const list = findings.map(({ sequence_number: at, rule, message }) => {
    const where = at === null ? 'chain' : `entry ${at}`;
    return `  ${paint('red', where)} ${rule}: ${plain(message)}`;
  });
  const counts = sheet(
    [
      ['entries', String(entries_checked)],
      ['signatures', String(signatures_checked)],
      ['head', `${head.size} entries, root ${head.root_hash}`],
    ],
    paint,
  );
  return [title, ...list, counts].join('\n');
}
