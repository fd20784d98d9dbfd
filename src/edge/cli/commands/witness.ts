import { Option } from 'commander';
import type { Outcome as Asked, Standing, Witnesses } from '../../../witness/desk.ts';
import type { Command, Desk, Given, Outcome } from '../command.ts';
import { plain, type Side, sheet, wallClock } from '../terminal.ts';
import { usage } from '../usage.ts';

const ACTIONS: { readonly [action: string]: (desk: Desk, options: Given['options']) => Promise<Outcome> } = {
  add,
  list,
  remove,
  sync,
};

export const witness: Command = {
  name: 'witness',
  group: 'Set up:',
  summary: 'Have others cosign the checkpoints of the log (C2SP tlog-witness): strangers then see that it only grows',
  places: [
    { name: 'action', help: 'what to do', choices: Object.keys(ACTIONS) },
    { name: 'url', help: 'for add and remove: URL of the witness' },
  ],
  options: [
    new Option('--key <key>', 'For add: C2SP verifier key of the witness, NAME+ID+KEY'),
    new Option('--insecure', 'For add: allow http to another machine, on your own network'),
  ],
  examples: [
    ['witness add https://witness.example.com --key witness.example.com/w1+8d66cf3f+BM…', 'Pin a witness:'],
    ['witness list', 'Who has cosigned how much:'],
    ['witness sync', 'Ask them now instead of in a few seconds:'],
  ],
  async run(desk, { options }) {
    // The parser lets nothing else through.
    return ACTIONS[String(options.action)]!(desk, options);
  },
};

const opened = async (desk: Desk): Promise<{ log: string; witnesses: Witnesses }> => {
  const { log, witnesses } = await desk.open();
  return { witnesses: await witnesses(), log };
};

const PIN =
  'a witness is pinned by its key: --key NAME+ID+KEY. Get it from the operator of the witness, by a way that you trust; the witness itself cannot vouch for it. It is the line that C2SP calls a verifier key, of the type 0x04 (its last part begins with B).';

async function add(desk: Desk, options: Given['options']): Promise<Outcome> {
  const url = urlIn(desk, options);
  if (typeof options.key !== 'string') return usage(desk.terminal, PIN);
  const { log, witnesses } = await opened(desk);
  const { added, witness: pinned } = await witnesses.add(url, options.key, options.insecure === true);
  const origin = log.split('+')[0] ?? '';
  return {
    answer: { success: true, added, ...pinned, log, origin },
    text: ({ paint }) =>
      [
        `${added ? 'Added' : 'It is there already:'} ${plain(pinned.url)}`,
        'Give its operator these two; until they have them, it answers 404:',
        sheet(
          [
            ['log key', log],
            ['origin', origin],
          ],
          paint,
        ),
        `Then: ${paint('bold', 'aga-delegate witness sync')}`,
      ].join('\n'),
  };
}

async function remove(desk: Desk, options: Given['options']): Promise<Outcome> {
  const { witnesses } = await opened(desk);
  const { url, key } = await witnesses.remove(urlIn(desk, options));
  return { answer: { success: true, url, key }, text: () => `Removed ${plain(url)}` };
}

async function list(desk: Desk, options: Given['options']): Promise<Outcome> {
  alone(desk, options);
  const found = await (await opened(desk)).witnesses.list();
  return { answer: { witnesses: found }, text: (out) => found.map((each) => told(each, out)).join('\n') || NONE };
}

async function sync(desk: Desk, options: Given['options']): Promise<Outcome> {
  alone(desk, options);
  const outcomes = await (await opened(desk)).witnesses.sync();
  const failed = outcomes.some(({ trouble }) => trouble !== null);
  return {
    answer: { success: !failed, witnesses: outcomes },
    failed,
    text: (out) => outcomes.map((each) => toldOutcome(each, out)).join('\n') || NONE,
  };
}

const NONE = 'There is no witness. Add one: aga-delegate witness add URL --key NAME+ID+KEY';

function urlIn({ terminal }: Desk, { url }: Given['options']): string {
  return typeof url === 'string' ? url : usage(terminal, "missing argument 'url'");
}

function alone({ terminal }: Desk, { url, action }: Given['options']): void {
  if (url !== undefined) usage(terminal, `witness ${String(action)} is about all witnesses and takes no URL`);
}

function told({ url, name, cosigned, at, behind, foreign }: Standing, { paint }: Side): string {
  if (foreign) {
    const what = `has cosigned ${cosigned} entries that are not here: the chain was cut or rewritten`;
    return `${paint('red', '✕')} ${plain(name)}  ${what}  ${paint('dim', plain(url))}`;
  }
  const mark = behind === 0 ? paint('green', '✓') : paint('yellow', '!');
  const seen =
    cosigned === null
      ? 'has cosigned nothing yet'
      : `${cosigned} entries${behind > 0 ? `, ${behind} behind` : ''}, ${wallClock(at ?? '')}`;
  return `${mark} ${plain(name)}  ${seen}  ${paint('dim', plain(url))}`;
}

function toldOutcome(outcome: Asked, out: Side): string {
  const { trouble, name, url } = outcome;
  if (trouble === null) return told(outcome, out);
  return `${out.paint('red', '✕')} ${plain(name)}  ${plain(trouble.message)}  ${out.paint('dim', plain(url))}`;
}
