import { randomUUID } from 'node:crypto';
import { closeSync, lstatSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { Refusal } from '../../../base/refusal.ts';
import { parseConfig } from '../../../config/file.ts';
import { homeFolder } from '../../../config.ts';
import type { Command, Given } from '../command.ts';
import { askOne, askText } from '../questions.ts';
import { type Answers, startingConfig } from '../starting-config.ts';
import { sheet } from '../terminal.ts';

const NAME = 'aga-delegate.json';
const MODES = {
  enforce: 'It is refused',
  shadow: 'It passes and is recorded, to learn what is needed',
};

const LEARN = 'aga-delegate suggest, when agents have worked, and then "mode": "enforce"';

export const init: Command = {
  name: 'init',
  group: 'Set up:',
  summary: `Write a commented ${NAME} into the working directory; on a terminal, after three questions`,
  options: [
    new Option('-y, --yes', 'Do not ask; the defaults are the working directory, no hosts, and enforce'),
    new Option('--folder <folder>', 'Folder that agents may work in'),
    new Option('--host <host>', 'Host that agents may fetch from (repeat it)').argParser(
      (text: string, sofar: string[] = []) => [...sofar, text],
    ),
    new Option('--mode <mode>', 'Refuse, or only record').choices(Object.keys(MODES)),
    new Option('--force', 'Replace an existing file'),
  ],
  examples: [
    ['init', 'Answer three questions:'],
    ['init --yes --folder ./work --host api.example.com', 'Without questions:'],
  ],
  async run({ terminal }, { options }) {
    const asks = options.yes !== true && terminal.interactive;
    const answers = asks ? await ask(options) : answersOf(options);
    const path = join(process.cwd(), NAME);
    const text = startingConfig(answers);
    parseConfig(text, NAME);
    write(path, text, options.force === true);
    const env = { AGA_CONFIG: path };
    return {
      answer: { path, ...answers },
      text: ({ paint }) =>
        sheet(
          [
            ['written', paint('bold', path)],
            ['next', `let your MCP host start aga-delegate with "env": ${JSON.stringify(env)}`],
            ['then', 'aga-delegate doctor'],
            ['later', answers.mode === 'shadow' ? LEARN : ''],
          ],
          paint,
        ),
    };
  },
};

function answersOf({ folder, host, mode }: Given['options']): Answers {
  return {
    folder: absolute(typeof folder === 'string' ? folder : '.'),
    hosts: Array.isArray(host) ? host.map((name) => String(name).trim()).filter((name) => name !== '') : [],
    mode: mode === 'shadow' ? 'shadow' : 'enforce',
  };
}

function absolute(folder: string): string {
  const path = resolve(folder.replace(/^~(?=$|[/\\])/, (tilde) => homeFolder() ?? tilde));
  if (!path.includes('*')) return path;
  throw new Refusal('INVALID_REQUEST', `${path} cannot be named alone: in a pattern a star stands for anything.`, {
    hint: 'Choose a folder without a star in its path.',
  });
}

async function ask(given: Given['options']): Promise<Answers> {
  const here = process.cwd();
  const folder = given.folder ?? (await askText('Which folder may agents work in?', here));
  const host = given.host ?? (await askText('Which hosts may they fetch from, separated by commas?', '')).split(',');
  const mode = given.mode ?? (await askOne('What happens to a call that is not permitted?', MODES));
  return answersOf({ folder, host, mode });
}

function write(path: string, text: string, force: boolean): void {
  try {
    if (force) replace(path, text);
    else make(path, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what node:fs throws has one
    if (code === 'EEXIST')
      throw new Refusal('INVALID_REQUEST', `${path} already exists; nothing was written.`, {
        hint: 'Replace it with --force.',
      });
    throw new Refusal('INVALID_REQUEST', `${path} cannot be written: ${code}.`, {
      hint: 'Run init in a directory that you may write to.',
    });
  }
}

/** One of several simultaneous calls creates the file; if there is no room, nothing is left behind. */
function make(path: string, text: string): void {
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, text);
  } catch (error) {
    rmSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Whole under another name first: what is there already is not lost because a disk is full. */
function replace(path: string, text: string): void {
  const draft = `${path}.${randomUUID()}`;
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  try {
    writeFileSync(draft, text, { flag: 'wx' });
    renameSync(draft, isLink ? realpathSync(path) : path);
  } finally {
    rmSync(draft, { force: true });
  }
}
