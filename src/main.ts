/** argv → which edge; the only file that reads argv and sets the exit code. */
import { parseArgs } from 'node:util';
import { Refusal } from './base/refusal.ts';
import { complain, report } from './complaint.ts';
import { FLAGS, type Flags, settings } from './config.ts';
import type { Opened } from './edge/cli/command.ts';
import type { Program } from './edge/cli/program.ts';
import { isHeld } from './edge/gateway/following.ts';
import { openHere } from './installation/opened.ts';
import { lazily } from './once.ts';
import { VERSION } from './version.ts';

async function main(args: readonly string[]): Promise<number> {
  // Keys and chain are for their owner, not for nobody: under some umasks not even we could read them again.
  process.umask(process.umask(0o077) & ~0o700);
  // File systems and disks are waited for in libuv's threads, which are made at their first use, see `following.ts`.
  process.env.UV_THREADPOOL_SIZE ??= '16';
  // Nobody may read what we complain of; that ends nothing.
  process.stderr.on('error', () => {});
  const flags = serverFlags(args);
  if (flags) return serve(flags);
  let unsaid: string | undefined;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Whoever reads our output may have seen enough: what goes on for ever ends then, and the rest says the same by its code.
    if (code === 'EPIPE') process.emit('SIGTERM');
    else unsaid = code;
  });
  const code = await command(args);
  // A pipe takes 64 KiB at once, and the end of the process would cut off what it has not taken; a failed write is heard of by then.
  await Promise.all([taken(process.stdout), taken(process.stderr)]);
  if (unsaid === undefined || code !== 0) return code;
  complain(`The answer could not be written: ${unsaid}.`);
  return 1;
}

async function command(args: readonly string[]): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  // Loaded only here: a host that starts the server waits for every module.
  const { run } = await import('./edge/cli/program.ts');
  const { terminalOf } = await import('./edge/cli/terminal.ts');
  return run(args, program(terminalOf(process)));
}

/** The server is what runs without a command; whatever its flags are not is for the command line to explain. */
function serverFlags(args: readonly string[]): Flags | undefined {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch {
    return undefined;
  }
}

const LOST = 'This is an MCP server: it waits for a host on stdin. The commands: aga-delegate --help. Ctrl-D ends it.';

async function serve(flags: Flags): Promise<number> {
  if (process.stdin.isTTY) process.stderr.write(`${LOST}\n`);
  const chosen = settings(flags, process.env, process.platform);
  // Loaded only here: a hook runs before every call of its host, and needs none of MCP.
  const [{ hostSessions }, { serveStdio }] = await Promise.all([
    import('./installation/host-sessions.ts'),
    import('./edge/stdio.ts'),
  ]);
  const { session, ending, close } = await hostSessions(chosen);
  await serveStdio({
    session,
    info: { name: 'aga-delegate', title: 'AGA Delegate', version: VERSION },
    onEnding: ending,
    onStop: close,
  });
  return 0;
}

function program(terminal: Program['terminal']): Program {
  return {
    version: VERSION,
    terminal,
    desk(flags, json) {
      const chosen = lazily(() => settings(flags, process.env, process.platform));
      const operatorToken = process.env.AGA_OPERATOR_TOKEN;
      let close = async (): Promise<void> => {};
      const open = lazily(async (): Promise<Opened> => {
        if (chosen().url !== null) {
          const { remoteOpened } = await import('./edge/remote/opened.ts');
          return remoteOpened(chosen(), operatorToken);
        }
        const opened = await openHere(chosen(), operatorToken);
        close = opened.close;
        return opened;
      });
      return { terminal, json, env: process.env, settings: chosen, open, close: () => close() };
    },
  };
}

/** Resolves when everything was written, or cannot be. */
const taken = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => stream.write('', () => resolve()));

/** Node waits for its threads, and those that a dead file system holds never come back: another program ends in our place. */
function leave(code: number): void {
  if (isHeld()) {
    process.emit('exit', code);
    process.execve?.('/bin/sh', ['sh', '-c', `exit ${code}`]);
    // A Node of before 22.15 cannot.
    process.kill(process.pid, 'SIGKILL');
  }
  process.exit(code);
}

function fail(error: unknown): void {
  if (error instanceof Refusal) complain(`${error.message} ${error.hint}`);
  else report(error);
  // A hook that ends with anything but 2 lets the call go on.
  leave(process.argv.includes('hook') ? 2 : 1);
}

process.on('uncaughtException', fail);
main(process.argv.slice(2)).then(leave, fail);
