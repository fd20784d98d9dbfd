import { describe, expect, it } from 'vitest';
import { windowsCommand } from '../../../src/edge/gateway/windows-command.ts';

const NODE = 'C:\\Program Files\\nodejs';
const files = new Set([
  `${NODE}\\node.exe`,
  `${NODE}\\npx.CMD`,
  'C:\\tools\\serve.bat',
  'C:\\tools\\both.EXE',
  'C:\\tools\\both.CMD',
]);
const env = { Path: `"${NODE}";C:\\tools`, PATHEXT: '.COM;.EXE;.BAT;.CMD', comspec: 'C:\\Windows\\cmd.exe' };
const started = (command: string, ...args: string[]) =>
  windowsCommand(command, args, { env, exists: (path) => files.has(path) });
const lineOf = (command: string, ...args: string[]) => started(command, ...args).args.at(-1);

describe('a command on Windows', () => {
  it('that is a program is started as it is', () => {
    for (const command of ['node', 'node.exe', `${NODE}\\node.exe`, 'both', 'nowhere']) {
      expect(started(command, 'a b', '%x%')).toEqual({ command, args: ['a b', '%x%'], verbatim: false });
    }
  });

  it('that is a batch file is started by the shell, with nothing left for it to read', () => {
    expect(started('npx', '-y', '@scope/server', 'C:\\my files\\')).toEqual({
      command: 'C:\\Windows\\cmd.exe',
      args: ['/d', '/v:off', '/s', '/c', `""${NODE}\\npx.CMD" -y @scope/server "C:\\my files\\\\""`],
      verbatim: true,
    });
    expect(lineOf('serve.bat', 'a&calc', '(b)|c>d', 'e^f', '', '!x!')).toBe(
      '"C:\\tools\\serve.bat "a&calc" "(b)|c>d" "e^f" "" "!x!""',
    );
  });

  it.each(['a"b', '%PATH%', 'a\nb', 'a\0b'])('refuses what no batch file can be given: %j', (argument) => {
    expect(() => started('npx', argument)).toThrow('batch file');
  });
});
