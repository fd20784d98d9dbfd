/**
 * Following paths as long as file systems answer.
 *
 * A folder on a network that has gone away answers nobody, and each question to it holds one of libuv's few threads: four
 * of them would hold them all, and with them the commits of everybody, which reach the disk through the same threads. So
 * a quarter of the threads follow paths at a time, and nobody waits longer than a second, neither for an answer nor for a
 * thread. Another quarter may be lost to questions that are overdue; what is asked below their paths is refused at once.
 */
import { Refusal } from '../../base/refusal.ts';
import { resolvePath } from './resolve.ts';

export type Follow = (path: string) => Promise<string | undefined>;

export interface Following {
  readonly follow: Follow;
  isHeld(): boolean;
}

/** What libuv has where nothing else is said, see `main.ts`. */
const THREADS = 4;
const PATIENCE_MS = 1_000;

const quarter = (): number => Math.max(1, Math.floor((Number(process.env.UV_THREADPOOL_SIZE) || THREADS) / 4));

/** `resolvePath`. Throws `UPSTREAM_FAILED` where that takes too long. */
export const followPath: Follow = (path) => {
  following ??= impatient(resolvePath, quarter());
  return following.follow(path);
};
let following: Following | undefined;

/** Whether a file system that has not answered in time holds one of our threads. */
export const isHeld = (): boolean => following?.isHeld() ?? false;

export function impatient(resolve: Follow, most: number): Following {
  const waiting = new Set<() => void>();
  const overdue = new Set<{ readonly path: string }>();
  let running = 0;

  function begin(): void {
    for (const start of waiting) {
      if (running - overdue.size >= most || running >= 2 * most) return;
      waiting.delete(start);
      running += 1;
      start();
    }
  }

  const isHopeless = (path: string): boolean =>
    overdue.size > 0 && [...overdue].some((one) => path === one.path || path.startsWith(`${one.path}/`));

  const follow: Follow = (path) =>
    new Promise((done, fail) => {
      if (isHopeless(path)) return fail(unanswered(path));
      const question = { path };
      let isOver = false;
      const end = () => {
        isOver = true;
        clearTimeout(timer);
        overdue.delete(question);
        running -= 1;
        begin();
      };
      const start = () => void resolve(path).then(done, fail).then(end);
      const late = () => {
        if (isOver) return;
        if (!waiting.delete(start)) overdue.add(question);
        // Later than whoever else is late by now.
        setImmediate(begin);
        fail(unanswered(path));
      };
      // After a pause of our own, what was answered meanwhile is read before anybody is called late.
      const timer = setTimeout(() => setImmediate(late), PATIENCE_MS);
      waiting.add(start);
      begin();
    });
  return { follow, isHeld: () => overdue.size > 0 };
}

const unanswered = (path: string): Refusal =>
  new Refusal(
    'UPSTREAM_FAILED',
    `The file system has not said in time where ${JSON.stringify(path.slice(0, 128))} leads.`,
    { hint: 'Try again later, or use another folder: the file system below this one does not answer.' },
  );
