/** argv → which edge; the only file that reads argv and sets the exit code. */
import { parseArgs } from 'node:util';
import { assemble, type Watch } from './assemble.ts';
import { Refusal } from './base/refusal.ts';
import { CannotStart } from './cannot-start.ts';
import { complain, report } from './complaint.ts';
import { FLAGS, type Flags, settings } from './config.ts';
import type { Opened } from './edge/cli/command.ts';
import type { Program } from './edge/cli/program.ts';
import { isHeld } from './edge/gateway/following.ts';
import { listFor } from './edge/http/agent.ts';
import { identityOf } from './identity.ts';
import { standingOf } from './service/standing.ts';
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
  const [{ acting }, { serveStdio }] = await Promise.all([import('./acting.ts'), import('./edge/stdio.ts')]);
  const { session, ending, close } = await acting(chosen);
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
      const chosen = once(() => settings(flags, process.env, process.platform));
      let close = async (): Promise<void> => {};
      const open = once(async (): Promise<Opened> => {
        if (chosen().url !== null) {
          const { remoteOpened } = await import('./edge/remote/opened.ts');
          return remoteOpened(chosen(), process.env.AGA_OPERATOR_TOKEN);
        }
        let watch: Watch = () => {};
        const installation = await assemble(chosen(), (done, total) => watch(done, total));
        const { service, authority, log } = installation;
        close = installation.close;
        const identity = identityOf(installation, chosen());
        return {
          authority,
          log,
          watch: (listener) => {
            watch = listener;
          },
          call: async (tool, input) => service.call(tool, input, await identity()),
          async readAll(answer) {
            const caller = await identity();
            if (caller.artifact === null) return service.read(caller, answer);
            throw new Refusal('NOT_OPERATOR', 'Only the operator reads the whole chain: it shows what everybody did.');
          },
          resume: async (hash) => installation.enforcement.resume(await identity(), hash),
          agents: async () => listFor(await identity(), service, installation.name),
          async witnesses() {
            if ((await identity()).artifact === null) return installation.witnesses;
            throw new Refusal('NOT_OPERATOR', 'Only the operator chooses who watches the log.');
          },
          standing: async () => standingOf(await identity(), service),
          async hook(told, servers) {
            const [{ judgeHook }, { slipsIn }] = await Promise.all([
              import('./edge/hook/judge.ts'),
              import('./edge/hook/slips.ts'),
            ]);
            const { artifact } = await identity();
            const { dataDir, config } = chosen();
            const { mode, require_hook: required } = config;
            const upstreams = Object.keys(config.upstreams);
            const place = { ...installation, slips: slipsIn(dataDir), mode, required, artifact, servers, upstreams };
            return judgeHook(told, place);
          },
          async serve(options) {
            const { serveInstallation } = await import('./serving.ts');
            if ((await identity()).artifact !== null) throw new CannotStart('Only the operator serves an authority.');
            return serveInstallation(installation, { ...options, ...chosen(), given: process.env.AGA_OPERATOR_TOKEN });
          },
        };
      });
      return { terminal, json, env: process.env, settings: chosen, open, close: () => close() };
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
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
