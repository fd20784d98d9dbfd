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
  // Only the owner may read keys and chain. Some umasks would keep even the owner from it.
  process.umask(process.umask(0o077) & ~0o700);
  // File operations block libuv's threads; their number is fixed at their first use, see `edge/gateway/following.ts`.
  process.env.UV_THREADPOOL_SIZE ??= '16';
  // If nobody reads stderr, we go on without it.
  process.stderr.on('error', () => {});
  const flags = serverFlags(args);
  if (flags) return serve(flags);
  let unsaid: string | undefined;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // A reader that has seen enough (`| head`) is no fault. Commands that would run for ever stop; the others still set their exit code.
    if (code !== 'EPIPE') unsaid = code;
    process.emit('SIGTERM');
  });
  const code = await command(args);
  // A pipe takes 64 KiB at once, and exiting would cut off the rest. After this wait, failed writes have been reported too.
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

/** The server runs when no command is given. Undefined for any other arguments, which the command line explains. */
function serverFlags(args: readonly string[]): Flags | undefined {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch {
    return undefined;
  }
}

const STARTED_BY_HAND =
  'This is an MCP server, waiting for a host on stdin. For its commands: aga-delegate --help. Ctrl-D ends it.';

async function serve(flags: Flags): Promise<number> {
  if (process.stdin.isTTY) process.stderr.write(`${STARTED_BY_HAND}\n`);
  const chosen = settings(flags, process.env, process.platform);
  // Loaded only here: hooks run before every call of their host, and need no MCP.
  const [{ hostSessions }, { serveStdio }] = await Promise.all([
    import('./installation/host-sessions.ts'),
    import('./edge/mcp/stdio.ts'),
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

/** Resolves when everything has been written, or has failed. */
const taken = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => stream.write('', () => resolve()));

/** Exiting waits for libuv's threads, but a dead file system holds its threads for ever: then another program exits in our place. */
function leave(code: number): void {
  if (isHeld()) {
    process.emit('exit', code);
    process.execve?.('/bin/sh', ['sh', '-c', `exit ${code}`]);
    // Node before 22.15 has no execve.
    process.kill(process.pid, 'SIGKILL');
  }
  process.exit(code);
}

function fail(error: unknown): void {
  if (error instanceof Refusal) complain(`${error.message} ${error.hint}`);
  else report(error);
  // A hook blocks the call only by exit code 2.
  leave(process.argv.includes('hook') ? 2 : 1);
}

process.on('uncaughtException', fail);
main(process.argv.slice(2)).then(leave, fail);
