import { Option } from 'commander';
import type { Moved } from '../../../installation/moving.ts';
import type { Command } from '../command.ts';
import { progress } from '../progress.ts';

export const migrate: Command = {
  name: 'migrate',
  group: 'Set up:',
  summary: 'Bring the tables of AGA_DATABASE_URL up to date, and copy the data directory’s own chain there, unchanged',
  options: [new Option('--dry-run', 'Only say what would be done')],
  examples: [
    ['migrate --dry-run', 'What is still to be done:'],
    ['migrate', 'As the owner of the database, before replicas of a new version start:'],
  ],
  async run(desk, { options }) {
    const { move } = await import('../../../installation/moving.ts');
    const bar = progress(desk.terminal, 'Copying the chain');
    const moved = await move(desk.settings(), { dryRun: options.dryRun === true, watch: bar.watch }).finally(bar.stop);
    return { answer: moved, text: () => told(moved) };
  },
};

function told({ schema, entries, left, authority, dry_run }: Moved): string {
  const tables =
    schema.length === 0
      ? ['The tables are up to date.']
      : [dry_run ? 'The tables would get:' : 'The tables have got:', ...schema.map((title) => `  ${title}`)];
  if (left > 0)
    tables.push(
      `${left} entries of the data directory were not copied: the chain "${authority}" in the database is a different one, or the file was written to after the copy. To keep them in a database too, migrate them to another one.`,
    );
  if (entries === null) return tables.join('\n');
  const verb = dry_run ? 'would be copied' : 'were copied';
  const copied = `${entries} entries of the data directory ${verb} to the chain "${authority}", hashes and checkpoints unchanged.`;
  const next =
    'From now on, start every process with AGA_DATABASE_URL: the file would be a second chain. Then: aga-delegate verify';
  return [...tables, copied, ...(dry_run ? [] : [next])].join('\n');
}
