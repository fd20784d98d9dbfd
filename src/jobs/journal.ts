/**
 * What was said in jobs: inputs for workers elsewhere, progress, logs, results and errors. The chain holds their digests, so
 * what was changed here is not found under its digest any more. One contract, for a data directory and for a database.
 */
import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { open, readdir, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#digest';
import { canonicalize, type Json } from '../base/canonical.ts';

export interface Journal {
  /** Keeps all of it under its digests; every process finds it once this has returned, or the promise has resolved. */
  keep(jobId: string, said: readonly Json[]): void | Promise<void>;
  /** Resolves when what was kept outlives a power cut; what is on the chain by then does anyway where both are one database. */
  settle(jobId: string): Promise<void>;
  /** Everything kept of a job, by digest. */
  of(jobId: string): Promise<ReadonlyMap<string, Json>>;
  /** Notes that somebody, a job or a process, is alive. */
  beat(id: string): Promise<void>;
  /** Milliseconds since the last beat; undefined where there was none. */
  silence(id: string): Promise<number | undefined>;
  close(): Promise<void>;
}

export const digestOf = (said: Json): string => sha256Hex(canonicalize(said));

/** A job is known for a day after its end, in milliseconds; its files are kept for longer than that. */
const KEPT = 3 * 24 * 3600_000;

/** One file a job, in a directory that the processes of one machine share. */
export function fileJournal(directory: string, clock: () => number): Journal {
  const pathOf = (jobId: string): string => join(directory, `${jobId}.jsonl`);
  const beatOf = (id: string): string => join(directory, `${id}.beat`);
  let isReady = false;
  function prepare(): void {
    if (!isReady) mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isReady) void forget(directory, clock()).catch(() => undefined);
    isReady = true;
  }
  return {
    keep(jobId, said) {
      prepare();
      const text = said.map((each) => `${canonicalize(each)}\n`).join('');
      // One write to a file that is only ever appended to: other processes' lines stay whole. It goes to memory, which
      // takes less time than to wait for another thread.
      appendFileSync(pathOf(jobId), text, { mode: 0o600 });
    },
    async settle(jobId) {
      const file = await open(pathOf(jobId), 'r');
      await file.sync().finally(() => file.close());
    },
    async of(jobId) {
      const text = await read(pathOf(jobId));
      const lines = text.split('\n').slice(0, -1);
      return new Map(lines.flatMap((line) => decode(line)));
    },
    async beat(id) {
      prepare();
      appendFileSync(beatOf(id), '', { mode: 0o600 });
      const now = clock() / 1000;
      await utimes(beatOf(id), now, now);
    },
    async silence(id) {
      const found = statSync(beatOf(id), { throwIfNoEntry: false });
      return found && Math.max(0, clock() - found.mtimeMs);
    },
    close: async () => {},
  };
}

/** Files up to this size are read at once: to wait for another thread takes longer. */
const SMALL = 64 * 1024;

async function read(path: string): Promise<string> {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
  if (size === 0) return '';
  return size <= SMALL ? readFileSync(path, 'utf8') : readFile(path, 'utf8');
}

/** What can no longer be read is not there. */
function decode(line: string): [string, Json][] {
  try {
    return [[sha256Hex(line), JSON.parse(line)]];
  } catch {
    return [];
  }
}

async function forget(directory: string, now: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
    if (mtimeMs + KEPT < now) await unlink(path).catch(() => undefined);
  }
}
