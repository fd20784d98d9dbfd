/**
 * How a command of a configuration is started on Windows, where `npx` and `npm` are batch files: Node looks for
 * `.exe` alone, and starts no batch file without the shell.
 *
 * The shell reads a text, not arguments. Between double quotes it leaves everything alone but `"` and `%`, and no way to
 * write those survives every batch file, which hands its arguments on to be read again. So they are refused.
 */
import { win32 } from 'node:path';

export interface WindowsPlace {
  readonly env: { readonly [name: string]: string | undefined };
  /** Whether there is such a file. */
  readonly exists: (path: string) => boolean;
}

export interface WindowsCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The arguments are a text already: nothing is put in quotes any more. */
  readonly verbatim: boolean;
}

const EXTENSIONS = '.COM;.EXE;.BAT;.CMD';

/** Throws an `Error` with a sentence where an argument cannot be handed to a batch file. */
export function windowsCommand(command: string, args: readonly string[], place: WindowsPlace): WindowsCommand {
  const file = found(command, place);
  if (file === undefined || !/\.(?:cmd|bat)$/i.test(file)) return { command, args, verbatim: false };
  const line = [quoted(file), ...args.map(quoted)].join(' ');
  // /d: nothing of the registry runs first; /s: the outer quotes go, all others stay; /v:off: "!" is a character.
  return {
    command: variable(place, 'ComSpec') ?? 'cmd.exe',
    args: ['/d', '/v:off', '/s', '/c', `"${line}"`],
    verbatim: true,
  };
}

/** The file that the shell would start: in each folder the name as it stands where it has an ending, then each ending. */
function found(command: string, place: WindowsPlace): string | undefined {
  const endings = (variable(place, 'PATHEXT') ?? EXTENSIONS).split(';').filter((ending) => ending !== '');
  const isKnown = endings.some((ending) => command.toLowerCase().endsWith(ending.toLowerCase()));
  const names = isKnown ? [command] : endings.map((ending) => command + ending);
  const folders = /[\\/:]/.test(command)
    ? ['']
    : (variable(place, 'PATH') ?? '').split(';').filter((each) => each !== '');
  return folders
    .flatMap((folder) => names.map((name) => win32.join(folder.replace(/^"(.*)"$/, '$1'), name)))
    .find(place.exists);
}

/** Names of variables are read in any case. */
function variable({ env }: WindowsPlace, wanted: string): string | undefined {
  const name = Object.keys(env).find((each) => each.toLowerCase() === wanted.toLowerCase());
  return name === undefined ? undefined : env[name];
}

function quoted(text: string): string {
  if (/["%\r\n\0]/.test(text))
    throw new Error('cannot be started: a batch file takes no argument with ", % or a line break');
  // The program that reads it takes a backslash before a quote for an escape.
  return /^[\w@:.+\-/\\]+$/.test(text) ? text : `"${text.replace(/\\+$/, '$&$&')}"`;
}
