import { InvalidArgumentError, Option } from 'commander';
import type { ArchiveReport } from '../../../archiving/archive.ts';
import type { Command } from '../command.ts';
import { type Progress, progress } from '../progress.ts';
import { plain, sheet } from '../terminal.ts';

const DAY = 24 * 3600_000;

export const archive: Command = {
  name: 'archive',
  group: 'Set up:',
  summary: 'Move old entries of the chain to tiles in a folder, verified first; queries and proofs work as before',
  options: [
    new Option('--to <folder>', 'Folder to archive to; it is remembered. On other machines set AGA_ARCHIVE_DIR'),
    new Option('--older-than <days>', 'Only entries older than this many days').argParser(whole).default(30),
    new Option('--before <number>', 'Only entries with a smaller sequence number, whatever their age').argParser(whole),
    new Option(
      '--owner-url <url>',
      "With a database: its owner's URL; better set AGA_OWNER_URL, which process lists do not show",
    ),
    new Option('--compact', 'Return the freed space to the disk; nothing can be appended meanwhile'),
    new Option('--dry-run', 'Only say what would be moved'),
  ],
  examples: [
    ['archive --to /mnt/archive --dry-run', 'How much would be moved:'],
    ['archive --to /mnt/archive', 'Archive now; repeat it whenever you like, also after an interruption:'],
    ['archive --older-than 90', 'From cron, to the same place:'],
  ],
  async run(desk, { options }) {
    const { archive } = await import('../../../archiving/archive.ts');
    const bars = new Map<string, Progress>();
    const { before, olderThan, to, ownerUrl } = options as unknown as Options; // as declared above
    const report = await archive(desk.settings(), {
      to,
      before,
      until: before === undefined ? Date.now() - olderThan * DAY : undefined,
      owner: ownerUrl ?? desk.env.AGA_OWNER_URL ?? null,
      dryRun: options.dryRun === true,
      compact: options.compact === true,
      watch(stage, done, total) {
        const bar = bars.get(stage) ?? progress(desk.terminal, stage);
        bars.set(stage, bar);
        bar.watch(done, total);
        if (done >= total) bar.stop();
      },
    });
    return { answer: report, text: ({ paint }) => told(report, (rows) => sheet(rows, paint)) };
  },
};

interface Options {
  readonly to?: string;
  readonly olderThan: number;
  readonly before?: number;
  readonly ownerUrl?: string;
}

function told(
  { folder, entries, archived, removed, spared, bytes, dry_run }: ArchiveReport,
  table: (rows: readonly (readonly [string, string])[]) => string,
): string {
  if (removed === 0)
    return `Nothing to move: ${archived} of ${entries} entries stand in files${spared > 0 ? `, ${spared} of them in the database too, as they are still needed` : ''}.`;
  const rows: [string, string][] = [
    ['moved', `${removed} entries, ${(bytes / 1e6).toFixed(1)} MB of text`],
    ['archived', `${archived} of ${entries} entries`],
    ['in both places', `${spared} entries that are still needed daily`],
    ...(folder === null ? [] : [['folder', plain(folder)] as [string, string]]),
  ];
  const title = dry_run
    ? 'Nothing was changed; this is what would be done.'
    : 'Done. Keep a copy of the folder: the database has only hashes of it now.';
  return `${table(rows)}\n${title}`;
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}
