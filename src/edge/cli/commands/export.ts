import { Option } from 'commander';
import { CannotStart } from '../../../cannot-start.ts';
import type { Wanted } from '../../../evidence/continued.ts';
import { type Exported, exportBundle, keepBundle } from '../../../evidence/export.ts';
import type { Output } from '../../../service/service.ts';
import { attest } from '../../../tools/attest.ts';
import { exportEvidence } from '../../../tools/export-evidence.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import { exportConsistency, exportEntry, exportTiles } from '../log-export.ts';
import { isStdout, placeCopy, placeDraft, placeText } from '../placing.ts';
import { progress } from '../progress.ts';
import { plain, sheet } from '../terminal.ts';
import { usage } from '../usage.ts';

/** Formats that are one file of the data directory, one text, or the folder of a whole log. */
const KEPT: readonly string[] = ['aga', 'governance-receipts'];
const TEXTS: readonly string[] = ['in-toto', 'tlog-proof', 'freshness'];
/** What is about the log and no artifact: for the operator. */
const OF_LOG: { readonly [format: string]: (desk: Desk, options: Given['options']) => Promise<Outcome> } = {
  'tlog-tiles': exportTiles,
  'tlog-consistency': exportConsistency,
};

/** Options of one format: with another they would be ignored. */
const ONLY: { readonly [option: string]: string } = {
  first: 'aga',
  last: 'aga',
  entry: 'tlog-proof',
  since: 'tlog-consistency',
};

export const exportCommand: Command = {
  name: 'export',
  group: 'Look:',
  looks: true,
  summary: 'Write evidence that strangers can verify: of an artifact, or with tlog-tiles of the whole log',
  tool: exportEvidence,
  known: ['format'],
  hash: { parameter: 'artifact_hash', required: false },
  options: [
    new Option('--format <format>', 'What to write')
      .choices([...KEPT, ...TEXTS, ...Object.keys(OF_LOG)])
      .default('aga'),
    new Option('--first <number>', 'Instead of an artifact: the entries from this number on'),
    new Option('--last <number>', 'Up to this one. Omit for the end of the chain'),
    new Option('--entry <number>', 'For tlog-proof, instead of an artifact: this entry'),
    new Option('--since <size>', 'For tlog-consistency: number of entries of the checkpoint that you know'),
    new Option(
      '--out <file>',
      'File to write, or a folder for tlog-tiles; - is stdout. Omit for the data directory, or stdout',
    ),
  ],
  examples: [
    ['export HASH --out evidence.json', 'An artifact, its lineage and everything done under it:'],
    ['export --first 0 --out log.json', 'The whole log; after an interruption the same command continues:'],
    ['verify evidence.json --trust did:key:z6Mk…', 'How the receiver verifies it, on any machine:'],
    ['export HASH --format governance-receipts', 'The same decisions for verifiers of that draft:'],
    [
      'export HASH --format freshness',
      'That the artifact is live now, signed, for an enforcement point that is offline:',
    ],
    ['export --format tlog-consistency --since 1000', 'That the log has only grown since that size:'],
    ['export --format tlog-tiles --out log/', 'The whole log for transparency-log tools:'],
  ],
  async run(desk, given) {
    const outcome = await exported(desk, given);
    return isStdout(given.options.out) ? { ...outcome, exit: 0 } : outcome;
  },
};

async function exported(desk: Desk, { input, options }: Given): Promise<Outcome> {
  const format = String(options.format);
  const out = typeof options.out === 'string' ? options.out : undefined;
  const ofLog = Object.hasOwn(OF_LOG, format) ? OF_LOG[format] : undefined;
  for (const [option, its] of Object.entries(ONLY))
    if (options[option] !== undefined && format !== its) usage(desk.terminal, `--${option} is for --format ${its}`);
  if ((ofLog || options.entry !== undefined) && input.artifact_hash !== undefined)
    usage(desk.terminal, `--format ${format} is about the log, not about an artifact; leave out the hash`);
  if (ofLog) return ofLog(desk, options);
  if (format === 'tlog-proof' && options.entry !== undefined) return exportEntry(desk, options);
  const run = runOf(options, desk);
  if ((run === undefined) === (input.artifact_hash === undefined))
    usage(desk.terminal, run ? 'either a hash or --first and --last' : "missing argument 'hash'");
  const { url, artifact, token } = desk.settings();
  const isOperatorHere = url === null && artifact === null && token === null;
  if (format === 'aga' && (run || isOperatorHere))
    return exportBundleHere(desk, run ?? { artifact_hash: String(input.artifact_hash) }, out);
  return KEPT.includes(format) ? exportByTool(desk, input, format, out) : exportText(desk, input, format, out);
}

/** The run of entries that is asked for, if one is. */
function runOf({ first, last }: Given['options'], { terminal }: Desk): Wanted | undefined {
  if (first === undefined && last === undefined) return undefined;
  const [from, to] = [first ?? '0', last ?? null].map((text) => (text === null ? null : Number(text)));
  if (![from, to ?? from].every((number) => Number.isSafeInteger(number) && Number(number) >= 0))
    usage(terminal, '--first and --last are numbers of entries, from 0');
  return { first: Number(from), last: to ?? null };
}

type Input = Given['input'];

/** The operator here writes to where it shall be, and goes on where it was interrupted. */
async function exportBundleHere(desk: Desk, wanted: Wanted, out: string | undefined): Promise<Outcome> {
  const { readAll } = await desk.open();
  const bar = progress(desk.terminal, 'Writing evidence');
  const made = await readAll(async (reader) => {
    const exporting = { log: reader.log, time: Date.now(), watch: bar.watch };
    if (out === undefined) {
      const { id, ...kept } = await keepBundle(reader, reader.archive, wanted, exporting);
      return { ...kept, resource: `aga://evidence/${id}` };
    }
    return placeDraft(out, (draft) => exportBundle(reader, wanted, draft, exporting));
  }).finally(bar.stop);
  tellOf(made, desk);
  const { path, entries, checkpoint } = made;
  const resource = 'resource' in made ? { resource: made.resource } : {};
  return filed({ path, entries, checkpoint, ...resource });
}

/** Through the tool: what a bound session may see, or what is made on another machine. */
async function exportByTool(desk: Desk, input: Input, format: string, out: string | undefined): Promise<Outcome> {
  const made = await (await desk.open()).call(exportEvidence, { ...input, format });
  const path = String(made.path);
  if (out === undefined) return filed({ ...made, path });
  return filed({ ...made, path: await placeCopy(out, path).catch((error) => explain(error, desk, path)) });
}

/** An authority elsewhere has written the file there, and it may be that this machine has it too. */
function explain(error: unknown, desk: Desk, path: string): never {
  if (desk.settings().url === null) throw error;
  throw new CannotStart(`The authority has written ${plain(path)} on its own machine; fetch it there, without --out.`);
}

function filed(answer: Output): Outcome {
  const { path, entries, resource = '' } = answer;
  const rows = [
    ['file', plain(String(path))],
    ['entries', String(entries)],
    ['resource', String(resource)],
  ] as const;
  return { answer, text: ({ paint }) => sheet(rows, paint) };
}

/** What a verifier takes: more than this is refused. */
const READABLE = 256 << 20;

function tellOf({ kept, time, bytes }: Exported, { terminal: { err } }: Desk): void {
  if (kept > 0) {
    const began = new Date(time).toISOString();
    err.line(`Continued after ${kept} entries that were written before; the evidence is as of ${began}.`);
  }
  if (bytes > READABLE)
    err.line('The file is longer than the 256 MiB that a verifier reads: export runs with --first and --last instead.');
}

async function exportText(desk: Desk, input: Input, format: string, out: string | undefined): Promise<Outcome> {
  if (desk.settings().url !== null)
    throw new CannotStart(`--format ${format} needs the authority's data directory; unset AGA_URL.`);
  const { text } = await (await desk.open()).call(attest, { ...input, format });
  if (out === undefined) return { answer: { text }, text: () => String(text).replace(/\n$/, '') };
  const path = await placeText(out, String(text));
  return { answer: { path }, text: () => plain(path) };
}
