/**
 * Processes that belong to a job, wherever they have gone: each inherits a mark in its environment, also one that has left
 * the job's process group, and one that a killed supervisor inside the job has left behind.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { agentId } from '../artifact/enrolment.ts';

/** Holds the id of the job, and of every job that it was given out by, each between slashes; of `run` too. */
export const MARK = 'AGA_JOB_PATH';

/** From the hashes of the job's artifact and of all that it descends from: a job has the id of its artifact's agent. */
export const markOf = (within: readonly string[]): string => `/${within.map(agentId).join('/')}/`;

/** A process that is being ended may start another: looked for again this often. */
const ROUNDS = 5;

let asked = new Set<string>();
let next: Promise<void> | undefined;
let last: Promise<void> = Promise.resolve();

/** Kills every process of a job but ourselves. Many who ask at once share one look at all processes. */
export function endMarked(jobId: string): Promise<void> {
  asked.add(jobId);
  next ??= last.then(() => {
    const jobs = asked;
    asked = new Set();
    next = undefined;
    last = endAll(jobs).catch(() => undefined);
    return last;
  });
  return next;
}

async function endAll(jobs: ReadonlySet<string>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = (await (process.platform === 'linux' ? fromProc(jobs) : fromPs(jobs))).filter(
      (pid) => pid !== process.pid,
    );
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was faster.
      }
    }
    await sleep(5);
  }
}

async function fromProc(jobs: ReadonlySet<string>): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const marks = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return isMarked(environment, jobs, '\0') ? [Number(pid)] : [];
    }),
  );
  return marks.flat();
}

/** On Windows nothing is found: there a job is ended by its own process alone. */
async function fromPs(jobs: ReadonlySet<string>): Promise<number[]> {
  if (process.platform === 'win32') return [];
  const all = await promisify(execFile)('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], {
    maxBuffer: 64 * 1024 * 1024,
  })
    .then(({ stdout }) => stdout)
    .catch(() => '');
  return all.split('\n').flatMap((line) => (isMarked(line, jobs, ' ') ? [Number.parseInt(line, 10)] : []));
}

function isMarked(environment: string, jobs: ReadonlySet<string>, separator: string): boolean {
  const mark = environment.split(separator).find((each) => each.startsWith(`${MARK}=`));
  return mark?.split('/').some((id) => jobs.has(id)) ?? false;
}
