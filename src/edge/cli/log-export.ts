/** Exports of the log itself, in the formats of the transparency-log world; for the operator, since they show everything. */
import { resolve } from 'node:path';
import { TILE_WIDTH } from '../../evidence/tiles.ts';
import { tileFiles, tlogConsistency, tlogProof } from '../../evidence/tlog.ts';
import type { Reader } from '../../tools/tool.ts';
import type { Desk, Given, Outcome } from './command.ts';
import { isStdout, placeFiles, placeText } from './placing.ts';
import { progress } from './progress.ts';
import { plain } from './terminal.ts';
import { usage } from './usage.ts';

type Options = Given['options'];

/** The proof that the log holds an entry, whichever it is. */
export const exportEntry = (desk: Desk, options: Options): Promise<Outcome> =>
  exportText(desk, options, numbered(desk, options.entry, '--entry'), tlogProof);

/** The proof that the log of so many entries is the beginning of the present one. */
export const exportConsistency = (desk: Desk, options: Options): Promise<Outcome> =>
  exportText(desk, options, numbered(desk, options.since, '--since'), tlogConsistency);

function numbered({ terminal }: Desk, text: unknown, flag: string): number {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : usage(terminal, `${flag} is a number`);
}

async function exportText(
  desk: Desk,
  { out }: Options,
  number: number,
  make: (reader: Reader, number: number) => Promise<string>,
): Promise<Outcome> {
  const text = await (await desk.open()).readAll((reader) => make(reader, number));
  if (typeof out !== 'string') return { answer: { text }, text: () => text.replace(/\n$/, '') };
  const path = await placeText(out, text);
  return { answer: { path }, text: () => plain(path) };
}

/** Every file of the log into a folder. */
export async function exportTiles(desk: Desk, { out }: Options): Promise<Outcome> {
  if (typeof out !== 'string' || isStdout(out)) usage(desk.terminal, '--format tlog-tiles needs --out FOLDER');
  const { readAll, log } = await desk.open();
  const bar = progress(desk.terminal, 'Writing tiles');
  const made = await readAll(async (reader) => {
    const { head } = await reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
    const size = head?.size ?? 0;
    // An entry bundle and a tile for every 256 entries; what is above them is few.
    const watch = (done: number): void => bar.watch(Math.min(size, (done * TILE_WIDTH) / 2), size);
    return placeFiles(out, log.split('+')[0] ?? '', tileFiles(reader), watch);
  }).finally(bar.stop);
  const path = resolve(out);
  return { answer: { path, ...made }, text: () => `${plain(path)}: ${made.files} files, ${made.written} of them new` };
}
