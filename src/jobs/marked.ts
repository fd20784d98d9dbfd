/**
 * Processes that belong to a job, wherever they have gone: each inherits a mark in its environment, also one that has left
 * the job's process group, and one that a killed supervisor inside the job has left behind.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { agentId } from '../artifact/enrolment.ts';

/** Holds the id of the job, and of every job that it was given out by, each between slashes. */
export const MARK = 'AGA_JOB_PATH';

/** From the hashes of the job's artifact and of all that it descends from: a job has the id of its artifact's agent. */
export const markOf = (within: readonly string[]): string => `/${within.map(agentId).join('/')}/`;

/** A process that is being ended may start another: looked for again this often. */
const ROUNDS = 5;

/** Kills every process of a job but ourselves, and answers how many there were. */
export async function endMarked(jobId: string): Promise<number> {
  let ended = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const found = await markedBy(jobId);
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
        ended += 1;
      } catch {
        // It was faster.
      }
    }
    if (found.length === 0) break;
    await sleep(5);
  }
  return ended;
}

async function markedBy(jobId: string): Promise<number[]> {
  const all = await (process.platform === 'linux' ? fromProc(jobId) : fromPs(jobId));
  return all.filter((pid) => pid !== process.pid);
}

async function fromProc(jobId: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const marks = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return isMarked(environment, jobId, '\0') ? [Number(pid)] : [];
    }),
  );
  return marks.flat();
}

/** On Windows nothing is found: there a job is ended by its own process alone. */
async function fromPs(jobId: string): Promise<number[]> {
  if (process.platform === 'win32') return [];
  const all = await promisify(execFile)('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], {
    maxBuffer: 64 * 1024 * 1024,
  })
    .then(({ stdout }) => stdout)
    .catch(() => '');
  return all.split('\n').flatMap((line) => (isMarked(line, jobId, ' ') ? [Number.parseInt(line, 10)] : []));
}

const isMarked = (environment: string, jobId: string, separator: string): boolean =>
  environment.split(separator).some((each) => each.startsWith(`${MARK}=`) && each.includes(`/${jobId}/`));
