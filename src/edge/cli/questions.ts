/** Questions to the person at the terminal; on stderr, so that the answer of a command can be redirected. */
import { Transform } from 'node:stream';
import { confirm, isCancel, select, text } from '@clack/prompts';
import { Refusal } from '../../base/refusal.ts';

const output = process.stderr;

/**
 * Keys that the prompts know by another name. An Enter that was pressed before the question was there arrives as a line feed, which would
 * turn a no into a yes; at Ctrl-D they would fall silent, and the command would end as if it had done something.
 */
const KEYS = new Map([
  [0x0a, 0x0d],
  [0x04, 0x03],
]);

class Keyboard extends Transform {
  readonly isTTY = true;
  setRawMode(on: boolean): void {
    process.stdin.setRawMode(on);
  }
  override _transform(typed: Buffer, _encoding: string, done: (error: null, typed: Buffer) => void): void {
    done(null, Buffer.from(typed.map((byte) => KEYS.get(byte) ?? byte)));
  }
}

/** What was answered; who cancels a question cancels the command. */
async function answered<T>(ask: (io: { input: Keyboard; output: typeof output }) => Promise<T | symbol>): Promise<T> {
  const input = process.stdin.pipe(new Keyboard());
  const answer = await ask({ input, output });
  process.stdin.unpipe(input).pause();
  if (isCancel(answer))
    throw new Refusal('CANCELLED', 'Nothing was changed.', { hint: 'Run the command again any time.' });
  return answer as T; // what is not the sign of a cancelled question is its answer
}

export const askWhether = (message: string): Promise<boolean> =>
  answered<boolean>((io) => confirm({ message, initialValue: false, ...io }));

/** `otherwise` is the answer of somebody who only confirms. */
export const askText = (message: string, otherwise: string): Promise<string> =>
  answered<string>((io) => text({ message, defaultValue: otherwise, placeholder: otherwise || 'none', ...io }));

/** `choices`: answer → what it is called. */
export const askOne = (message: string, choices: { readonly [value: string]: string }): Promise<string> =>
  answered<string>((io) =>
    select({ message, options: Object.entries(choices).map(([value, label]) => ({ value, label })), ...io }),
  );
