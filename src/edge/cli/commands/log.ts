import { Option } from 'commander';
import { queryChain } from '../../../tools/query-chain.ts';
import type { Answer } from '../../../tools/tool.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import { type LogEntry, lines, namesOf } from '../entry-line.ts';
import { follow, type Newest, newest } from '../follow.ts';
import { plain } from '../terminal.ts';

/** What a screen holds. */
const SCREEN = 50;

export const log: Command = {
  name: 'log',
  group: 'Look:',
  looks: true,
  summary: 'Read the audit chain: who was given what, what was refused, what was revoked',
  tool: queryChain,
  options: [new Option('-f, --follow', 'Follow new entries until interrupted; with --json one entry per line')],
  examples: [
    ['log', `The last ${SCREEN} entries:`],
    ['log --after -1 --kind DELEGATION', 'Every delegation from the first on, 50 at a time:'],
    ['log --follow', 'Follow what happens now:'],
    ['log --json --after 99 --limit 500', 'A page for a program; "next" is the --after of the next one:'],
  ],
  async run(desk, { input, options }) {
    if (options.follow === true) return watch(desk, input);
    if (desk.json || input.after !== undefined) return page(desk, await (await desk.open()).call(queryChain, input));
    const [{ entries }, names] = [await last(desk, input), await namesOf(desk)];
    return { answer: { entries }, text: (out) => entries.map(lines(names, out)).join('\n') };
  },
};

async function page(desk: Desk, answer: Answer<typeof queryChain>): Promise<Outcome> {
  const { entries, next } = answer;
  const names = await namesOf(desk);
  const more = next === null ? [] : [`… more: --after ${next}`];
  return { answer, text: (out) => [...entries.map(lines(names, out)), ...more].join('\n') };
}

/** What a screen holds of what was asked for; what there may be before it is said on the side. */
async function last(desk: Desk, input: Given['input']): Promise<Newest> {
  const found = await newest(desk, input, typeof input.limit === 'number' ? input.limit : SCREEN);
  const { withheld } = found;
  if (withheld) desk.terminal.err.line(`Older entries are not shown. ${plain(`${withheld.message} ${withheld.hint}`)}`);
  return found;
}

async function watch(desk: Desk, input: Given['input']): Promise<undefined> {
  const { out } = desk.terminal;
  const recent = input.after === undefined ? await last(desk, { limit: 10, ...input }) : undefined;
  const tell = desk.json ? (entry: LogEntry) => JSON.stringify(entry) : lines(await namesOf(desk), out);
  const show = (entry: LogEntry): void => out.line(tell(entry));
  for (const entry of recent?.entries ?? []) show(entry);
  await follow(desk, { ...input, limit: 500, after: recent ? recent.size - 1 : input.after }, show);
}
