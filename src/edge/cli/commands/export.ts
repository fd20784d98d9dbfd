import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option } from 'commander';
import { Refusal } from '../../../base/refusal.ts';
import { tileFiles } from '../../../evidence/tlog.ts';
import { attest } from '../../../tools/attest.ts';
import { exportEvidence } from '../../../tools/export-evidence.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import { plain, sheet } from '../terminal.ts';
import { usage } from '../usage.ts';

/** Formats that are one file of the data directory, one text, or the folder of a whole log. */
const KEPT: readonly string[] = ['aga', 'governance-receipts'];
const TEXTS: readonly string[] = ['in-toto', 'tlog-proof', 'freshness'];
const TILES = 'tlog-tiles';

export const exportCommand: Command = {
  name: 'export',
  group: 'Look:',
  summary: 'Write evidence that a stranger verifies: of an artifact, or with tlog-tiles of the whole log',
  tool: exportEvidence,
  known: ['format'],
  hash: { parameter: 'artifact_hash', required: false },
  options: [
    new Option('--format <format>', 'What to write').choices([...KEPT, ...TEXTS, TILES]).default('aga'),
    new Option('--out <file>', 'Where to; a folder for tlog-tiles. Without it: in the data directory, or on stdout'),
  ],
  examples: [
    ['export HASH --out evidence.json', 'An artifact, its lineage and everything done under it:'],
    ['verify evidence.json --trust did:key:z6Mk…', 'What the receiver does with it, on any machine:'],
    ['export HASH --format governance-receipts', 'The same decisions for verifiers of that draft:'],
    [
      'export HASH --format freshness',
      'That the artifact is live now, signed, for an enforcement point that is offline:',
    ],
    ['export --format tlog-tiles --out log/', 'The whole log for transparency-log tools:'],
  ],
  async run(desk, given) {
    const format = String(given.options.format);
    const out = typeof given.options.out === 'string' ? given.options.out : undefined;
    if (format === TILES) return exportTiles(desk, out);
    if (given.input.artifact_hash === undefined) usage(desk.terminal, "missing argument 'hash'");
    return KEPT.includes(format)
      ? exportFile(desk, given.input, format, out)
      : exportText(desk, given.input, format, out);
  },
};

type Input = Given['input'];

async function exportFile(desk: Desk, input: Input, format: string, out: string | undefined): Promise<Outcome> {
  const made = await (await desk.open()).call(exportEvidence, { ...input, format });
  const path = out === undefined ? String(made.path) : resolve(out);
  if (out !== undefined) await writing(out, () => copyFile(String(made.path), path));
  const rows = [
    ['file', plain(path)],
    ['entries', String(made.entries)],
    ['resource', String(made.resource)],
  ] as const;
  return { answer: { ...made, path }, text: ({ paint }) => sheet(rows, paint) };
}

async function exportText(desk: Desk, input: Input, format: string, out: string | undefined): Promise<Outcome> {
  const { text } = await (await desk.open()).call(attest, { ...input, format });
  if (out === undefined) return { answer: { text }, text: () => String(text).replace(/\n$/, '') };
  await writing(out, () => writeFile(out, String(text)));
  return { answer: { path: resolve(out) }, text: () => plain(resolve(out)) };
}

async function exportTiles(desk: Desk, out: string | undefined): Promise<Outcome> {
  if (out === undefined) usage(desk.terminal, '--format tlog-tiles needs --out FOLDER');
  let files = 0;
  await (await desk.open()).readAll(async (reader) => {
    for await (const { path, bytes } of tileFiles(reader)) {
      const file = join(out, path);
      await writing(out, async () => {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, bytes);
      });
      files += 1;
    }
  });
  const path = resolve(out);
  return { answer: { path, files }, text: () => `${plain(path)}: ${files} files` };
}

async function writing(out: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'; // what the file system throws has one
    throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} cannot be written (${code}).`);
  }
}
