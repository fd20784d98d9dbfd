/** How the demos speak: steps in bold, colours only on a terminal. */
const colour = process.stdout.isTTY && !process.env.NO_COLOR;

/** The text in a colour of ANSI. */
export const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const say = (text = ''): void => void process.stdout.write(`${text}\n`);
export const step = (text: string): void => say(`\n${paint(1, text)}`);
/** What belongs to a step, every line of it. */
export const tell = (text: string): void => say(text.replace(/^/gm, '    '));
