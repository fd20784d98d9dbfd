/** An agent that is a program: input on stdin, a line of JSON for everything it says, a process group of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readLines } from '../base/lines.ts';
import { guard, inherited, piped, signalGroup, WINDOWS } from '../process-group.ts';
import type { Agent, Hearing, Task, Working } from './agent.ts';
import { endMarked } from './marked.ts';
import { logged, MAX_LINE_BYTES, readSaying } from './saying.ts';

export interface ProgramConfig {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly env?: { readonly [name: string]: string } | undefined;
  readonly cwd?: string | undefined;
  readonly max_runtime_seconds?: number | undefined;
}

/** How long pipes may stay open after the program has ended and its group was killed, in milliseconds. */
const PIPES_MS = 1000;
/** What is kept of stderr, for the message of a program that fails, in characters. */
const KEPT_STDERR = 2000;

/** What a program gets of our environment: enough to find and start others, and nothing that may be a secret. */
const INHERITED = WINDOWS
  ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROGRAMDATA PROGRAMFILES SYSTEMDRIVE SYSTEMROOT TEMP TMP USERNAME USERPROFILE WINDIR'
  : 'HOME LANG LC_ALL LOGNAME PATH SHELL TERM TMPDIR TZ USER XDG_CACHE_HOME XDG_STATE_HOME';

export const programAgent = (config: ProgramConfig): Agent => ({
  start(task, hearing) {
    try {
      return startProgram(config, task, hearing);
    } catch (error) {
      const gone = Promise.resolve().then(() => hearing.gone(notStarted(error)));
      return { stop: () => {}, kill: () => gone };
    }
  },
  maxRuntimeSeconds: config.max_runtime_seconds,
});

const notStarted = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException; // what `spawn` fails with has one
  return `The agent could not be started (${code ?? message}).`;
};

function startProgram({ command, args = [], env = {}, cwd }: ProgramConfig, task: Task, hearing: Hearing): Working {
  const child = piped(command, args, {
    env: { ...inherited(process.env, INHERITED), ...env, ...task.environment },
    ...(cwd !== undefined && { cwd }),
  });
  const release = guard(child);
  child.once('spawn', hearing.began);
  let stderr = '';
  let leftOut = '';
  const reader = readLines(MAX_LINE_BYTES, {
    line(bytes) {
      const saying = readSaying(bytes);
      if (saying) hearing.say(saying);
    },
    tooLong() {
      leftOut = ` A line of more than ${MAX_LINE_BYTES} bytes was left out.`;
      hearing.say(logged(leftOut.trim()));
    },
  });
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => {});
  child.stdout.on('data', (chunk: Buffer) => reader.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR);
  });
  child.stdin.end(JSON.stringify(task.input));

  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(notStarted(error));
    });
    child.once('exit', async (code, signal) => {
      // Whatever it has left behind in its group ends with it, and would hold the pipes open.
      signalGroup(child, 'SIGKILL');
      await Promise.race([new Promise((closed) => child.once('close', closed)), sleep(PIPES_MS)]);
      child.stdout.destroy();
      reader.end();
      // What has left the group, or was started by what we have just killed, is found by the mark that it has inherited.
      await endMarked(task.jobId);
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      const tail = stderr.trim();
      resolve(`The agent ended ${how} without a result.${leftOut}${tail === '' ? '' : ` It said: ${tail}`}`);
    });
  });
  const gone = ended.then((why) => {
    release();
    hearing.gone(why);
  });
  return {
    stop: () => signalGroup(child, 'SIGTERM'),
    async kill() {
      signalGroup(child, 'SIGKILL');
      await gone;
    },
  };
}
