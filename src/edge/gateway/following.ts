/**
 * Following paths, and looking at what is there, as long as file systems answer.
 *
 * A folder on a network that has gone away answers nobody, and each question to it holds one of libuv's few threads: four
 * of them would hold them all, and with them the commits of everybody, which reach the disk through the same threads. So
 * a quarter of the threads ask file systems at a time, and nobody waits longer than a second, neither for an answer nor for a
 * thread. Another quarter may be lost to questions that are overdue; what is asked below their paths is refused at once.
 */
import { Refusal } from '../../base/refusal.ts';
import { resolvePath } from './resolve.ts';

export type Follow = (path: string) => Promise<string | undefined>;

/** What the question answers, which is about the path. Throws `UPSTREAM_FAILED` where that takes too long. */
export type Ask = <T>(path: string, question: () => Promise<T>) => Promise<T>;

export interface Asking {
  readonly ask: Ask;
  isHeld(): boolean;
}

/** What libuv has where nothing else is said, see `main.ts`. */
const THREADS = 4;
const PATIENCE_MS = 1_000;
const LONG_PATIENCE_MS = 8_000;

const quarter = (): number => Math.max(1, Math.floor((Number(process.env.UV_THREADPOOL_SIZE) || THREADS) / 4));

const ask: Ask = (path, question) => {
  asking ??= impatient(quarter());
  return asking.ask(path, question);
};
let asking: Asking | undefined;

/** `resolvePath`. Throws `UPSTREAM_FAILED` where that takes too long. */
export const followPath: Follow = (path) => ask(path, () => resolvePath(path));

/** For questions that have so many milliseconds all together. */
export function askFor(ms: number): Ask {
  const end = performance.now() + ms;
  return (path, question) => (performance.now() < end ? ask(path, question) : Promise.reject(unanswered(path)));
}

/** The same for a hook, which follows many paths at once and lets nobody else wait: on a busy machine that takes more than a second. */
export const followPatiently: Follow = (path) => {
  patient ??= impatient(quarter(), LONG_PATIENCE_MS);
  return patient.ask(path, () => resolvePath(path));
};
let patient: Asking | undefined;

/** Whether a file system that has not answered in time holds one of our threads. */
export const isHeld = (): boolean => [asking, patient].some((one) => one?.isHeld());

/** At most so many questions at a time, each for so many milliseconds. */
export function impatient(most: number, patience = PATIENCE_MS): Asking {
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

  const ask: Ask = (path, question) =>
    new Promise((done, fail) => {
      if (isHopeless(path)) return fail(unanswered(path));
      const asked = { path };
      let isOver = false;
      const end = () => {
        isOver = true;
        clearTimeout(timer);
        overdue.delete(asked);
        running -= 1;
        begin();
      };
      const start = () => void question().then(done, fail).then(end);
      const late = () => {
        if (isOver) return;
        if (!waiting.delete(start)) overdue.add(asked);
        // Later than whoever else is late by now.
        setImmediate(begin);
        fail(unanswered(path));
      };
      // After a pause of our own, what was answered meanwhile is read before anybody is called late.
      const timer = setTimeout(() => setImmediate(late), patience);
      waiting.add(start);
      begin();
    });
  return { ask, isHeld: () => overdue.size > 0 };
}

const unanswered = (path: string): Refusal =>
  new Refusal(
    'UPSTREAM_FAILED',
    `The file system has not said in time what is at ${JSON.stringify(path.slice(0, 128))}.`,
    { hint: 'Try again later, or use another folder: the file system below this one does not answer.' },
  );
