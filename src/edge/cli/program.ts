/** The command line: arguments → one command → what it prints and the exit code (0 done, 1 refused, 2 usage). */
import { Argument, Command as Commander, CommanderError, Option } from 'commander';
import { Refusal } from '../../base/refusal.ts';
import { CannotStart } from '../../cannot-start.ts';
import { type Flags, SETTINGS } from '../../config.ts';
import { watchBeginning } from './begun.ts';
import { type Command, type Desk, type Given, GROUPS } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { type Flag, flagsOf } from './flags.ts';
import { completed } from './hash.ts';
import { printRefusal } from './print-refusal.ts';
import type { Terminal } from './terminal.ts';
import { USAGE } from './usage.ts';

export interface Program {
  readonly version: string;
  readonly terminal: Terminal;
  /** What a command works with, once the flags for settings are known. */
  desk(flags: Flags, json: boolean): Desk & { close(): Promise<void> };
}

/** Runs the command that the arguments name; resolves to the exit code. */
export async function run(args: readonly string[], program: Program): Promise<number> {
  let code = 0;
  const root = rootOf(program);
  for (const command of COMMANDS) {
    root.addCommand(
      commanderOf(command, async (given, flags) => {
        code = await perform(command, given, program, flags);
      }),
    );
  }
  dress(root, program.terminal);
  try {
    await root.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return code;
}

function rootOf({ version }: Program): Commander {
  const root = new Commander('aga-delegate')
    .description('Hands part of an authority to sub-agents: signed artifacts that only narrow, one audit chain.')
    .usage('[options] [command]')
    .version(version, '-v, --version', 'Print the version')
    .addHelpText('after', '\nWithout a command it is an MCP server on stdin and stdout, made to be started by a host.');
  for (const { flag, value, env, default: without, help } of [
    SETTINGS.dataDir,
    SETTINGS.config,
    SETTINGS.artifact,
    SETTINGS.token,
  ]) {
    root.addOption(new Option(`--${flag} <${value}>`, `${help} (${env}; default: ${without.replaceAll('`', '')})`));
  }
  return root
    .addOption(new Option('--json', 'Print the answer as JSON, refusals too'))
    .helpOption('-h, --help', 'Explain the command');
}

type Action = (given: () => Given, flags: Settled) => Promise<void>;
type Settled = Flags & { readonly json: boolean };

function commanderOf(command: Command, act: Action): Commander {
  const { name, group, summary, tool, input = tool?.input, known = [], optional = [], hash, options = [] } = command;
  const made = new Commander(name)
    .description(summary)
    .helpGroup(group)
    .helpOption('-h, --help', 'Explain the command');
  if (hash)
    made.argument('[hash]', `the artifact, as --${hash.parameter.replaceAll('_', '-')}; its first digits suffice`);
  if (command.file !== undefined) made.argument('[file]', command.file);
  const without = hash ? [...optional, hash.parameter] : optional;
  const flags = input ? flagsOf(input, known, without) : [];
  for (const { name, help, choices } of command.places ?? []) {
    const place = new Argument(choices ? `<${name}>` : `[${name}]`, help);
    made.addArgument(choices ? place.choices(choices) : place);
  }
  if (command.words) made.argument('<command...>', command.words);
  for (const { option } of flags) addOnce(made, option);
  for (const option of options) made.addOption(option);
  made.addHelpText('after', () => examplesOf(command));
  return made.action(async () => {
    const all = made.optsWithGlobals();
    const [positional] = command.words || command.places ? [] : made.args;
    const named = flags.find((flag) => flag.name === hash?.parameter)?.option.attributeName() ?? '';
    if (hash?.required && positional === undefined && all[named] === undefined)
      made.error("error: missing argument 'hash'");
    if (positional !== undefined && all[named] !== undefined) made.error('error: the artifact is named twice');
    const place = command.file === undefined ? named : 'file';
    const placed = (command.places ?? []).map(({ name }, at) => [name, made.args[at]] as const);
    const given = { ...all, ...Object.fromEntries(placed), ...(positional !== undefined && { [place]: positional }) };
    const { dataDir, config, artifact, token, json } = all;
    const settled = { 'data-dir': dataDir, config, artifact, token, json: json === true };
    await act(() => ({ ...read(given, flags), words: made.args }), settled);
  });
}

/** Refuses a repeated flag: commander would silently drop the first value, which may be the narrower one. Lists take both. */
function addOnce(made: Commander, option: Option): void {
  made.addOption(option);
  if (option.parseArg || !option.required) return;
  let isGiven = false;
  made.on(`option:${option.name()}`, () => {
    if (isGiven) made.error(`error: option '${option.flags}' is given twice`);
    isGiven = true;
  });
}

function read(options: Record<string, unknown>, flags: readonly Flag[]): Omit<Given, 'words'> {
  const input: Record<string, unknown> = {};
  for (const flag of flags) {
    const given = options[flag.option.attributeName()];
    if (given !== undefined) input[flag.name] = flag.value(given);
  }
  return { input, options };
}

async function perform(command: Command, given: () => Given, program: Program, flags: Settled): Promise<number> {
  const { terminal } = program;
  const { out } = terminal;
  const desk = program.desk(flags, flags.json);
  let sayBegun = (): void => {};
  try {
    const { input, options, words } = given();
    if (command.looks) sayBegun = watchBeginning(desk);
    const outcome = await command.run(desk, { input: await completed(desk, input), options, words });
    if (!outcome || outcome.exit !== undefined) return outcome?.exit ?? 0;
    if (flags.json) out.line(JSON.stringify(outcome.answer, null, out.tty ? 2 : 0));
    else out.line(outcome.text(out));
    return outcome.failed ? 1 : 0;
  } catch (error) {
    // What commander finds wrong itself ends with that line already.
    if (error instanceof CommanderError && error.code === USAGE)
      terminal.err.line(seeHelp(`aga-delegate ${command.name}`));
    if (!(error instanceof Refusal || error instanceof CannotStart)) throw error;
    printRefusal(error, terminal, flags.json, command);
    return 1;
  } finally {
    await desk.close();
    sayBegun();
  }
}

function examplesOf({ examples }: Command): string {
  const lines = examples.map(([line, what]) => `  ${what}\n    aga-delegate ${line}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

const seeHelp = (line: string): string => `Run "${line} --help" to see what there is.`;

/** Every command throws instead of exiting, and looks the same. */
function dress(root: Commander, { out, err }: Terminal): void {
  root.addHelpCommand(
    new Commander('help').argument('[command]').description('Explain a command').helpGroup(GROUPS[2]),
  );
  for (const each of [root, ...root.commands]) {
    each
      .exitOverride()
      .allowExcessArguments(false)
      .showHelpAfterError(seeHelp(`${each === root ? '' : 'aga-delegate '}${each.name()}`))
      .configureHelp({ showGlobalOptions: true, styleTitle: (title) => out.paint('bold', title) })
      .configureOutput({
        writeOut: (text) => out.line(text.trimEnd()),
        writeErr: (text) => err.line(text.trimEnd()),
        // We colour by our own rule already.
        getOutHasColors: () => true,
        getErrHasColors: () => true,
      });
  }
}
