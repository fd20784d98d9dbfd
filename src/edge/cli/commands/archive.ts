import { InvalidArgumentError, Option } from 'commander';
import type { ArchiveReport } from '../../../archiving/archive.ts';
import type { Command } from '../command.ts';
import { type Progress, progress } from '../progress.ts';
import { plain, sheet } from '../terminal.ts';

const DAY = 24 * 3600_000;

export const archive: Command = {
  name: 'archive',
  group: 'Set up:',
  summary: 'Move old entries of the chain to tiles in a folder, verified first; queries and proofs go on as before',
  options: [
    new Option('--to <folder>', 'Where to; it is remembered. On other machines AGA_ARCHIVE_DIR says where it is'),
    new Option('--older-than <days>', 'Only entries older than this many days').argParser(whole).default(30),
    new Option('--before <number>', 'Only entries with a smaller sequence number, however young').argParser(whole),
    new Option(
      '--owner-url <url>',
      "With a database: its owner's URL; better in AGA_OWNER_URL, where no list of processes shows it",
    ),
    new Option('--compact', 'Give the freed room back to the disk; nobody can append meanwhile'),
    new Option('--dry-run', 'Only say what would be moved'),
  ],
  examples: [
    ['archive --to /mnt/archive --dry-run', 'How much would go:'],
    ['archive --to /mnt/archive', 'Once; interrupted or not, repeat it as often as you like:'],
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
    ? 'This would be done; nothing was.'
    : 'Done. Keep a copy of the folder: the database has only hashes of it now.';
  return `${table(rows)}\n${title}`;
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}
