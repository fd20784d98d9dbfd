/** Where a command prints: two streams, each of which knows whether a person reads it. */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export interface Side {
  /** Prints a line. */
  line(text: string): void;
  readonly tty: boolean;
  /** Columns; unbounded where nobody looks. */
  readonly width: number;
  /** Colours on a terminal, the text alone anywhere else. */
  readonly paint: Paint;
}

export interface Terminal {
  readonly out: Side;
  readonly err: Side;
  /** Somebody is there to answer a question. */
  readonly interactive: boolean;
}

type Env = { readonly [name: string]: string | undefined };

export function terminalOf({ stdin, stdout, stderr, env }: NodeJS.Process): Terminal {
  const [out, err] = [side(stdout, env), side(stderr, env)];
  // Questions go to stderr, so that the answer of a command can be redirected.
  return { out, err, interactive: stdin.isTTY === true && err.tty };
}

function side(stream: NodeJS.WriteStream, env: Env): Side {
  const tty = stream.isTTY === true;
  const coloured = tty && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    line: (text) => stream.write(`${text}\n`),
    tty,
    width: tty ? stream.columns || 80 : Number.POSITIVE_INFINITY,
    paint: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** Text of others on one line of a terminal: without anything that moves the cursor or turns the direction of writing. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');

/** At most this many columns; says where something is missing. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;

/** An instant as the clock on the wall shows it. */
export function wallClock(timestamp: string): string {
  const at = new Date(timestamp);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Names and what they are, one a line, the second column aligned. Empty values are left out. */
export function sheet(rows: readonly (readonly [string, string])[], paint: Paint): string {
  const shown = rows.filter(([, value]) => value !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${paint('dim', name.padEnd(width))}  ${value}`).join('\n');
}
