/** Questions to the person at the terminal; on stderr, so that the answer of a command can be redirected. */
import { confirm, isCancel, select, text } from '@clack/prompts';
import { Refusal } from '../../base/refusal.ts';

const output = process.stderr;

/** What was answered; who cancels a question cancels the command. */
async function answered<T>(question: Promise<T | symbol>): Promise<T> {
  const answer = await question;
  if (isCancel(answer))
    throw new Refusal('CANCELLED', 'Nothing was changed.', { hint: 'Run the command again any time.' });
  return answer as T; // what is not the sign of a cancelled question is its answer
}

export const askWhether = (message: string): Promise<boolean> =>
  answered<boolean>(confirm({ message, initialValue: false, output }));

/** `otherwise` is the answer of somebody who only confirms. */
export const askText = (message: string, otherwise: string): Promise<string> =>
  answered<string>(text({ message, defaultValue: otherwise, placeholder: otherwise || 'none', output }));

/** `choices`: answer → what it is called. */
export const askOne = (message: string, choices: { readonly [value: string]: string }): Promise<string> =>
  answered<string>(
    select({ message, options: Object.entries(choices).map(([value, label]) => ({ value, label })), output }),
  );
