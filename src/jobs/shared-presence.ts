/**
 * Whether the process that looks after a job is still there, where processes are on several machines: each is heard of every
 * few seconds, and one that was silent for long, while others could be heard, is gone. On its own machine a lock tells at once.
 */
import type { Journal } from './journal.ts';
import type { LocalPresence, Presence } from './presence.ts';

/** How often a process is heard of, in milliseconds. */
const BEAT_MS = 5000;
/** Silent for so long, in milliseconds, … */
const SILENT_MS = 30_000;
/** … and silent still after so long of listening: what was unheard while the database was away proves nothing. */
const LISTEN_MS = 15_000;

export interface Times {
  readonly beat: number;
  readonly silent: number;
  readonly listen: number;
}

const TIMES: Times = { beat: BEAT_MS, silent: SILENT_MS, listen: LISTEN_MS };

export function sharedPresence(
  local: LocalPresence,
  journal: Pick<Journal, 'beat' | 'silence'>,
  { beat, silent, listen }: Times = TIMES,
): Presence {
  const nameOf = (id: string): string => `process ${id}`;
  const silentSince = new Map<string, number>();
  let beating: NodeJS.Timeout | undefined;
  const sound = (): void => void journal.beat(nameOf(local.id)).catch(() => undefined);
  return {
    id: local.id,
    hold() {
      local.hold();
      if (beating) return;
      beating = setInterval(sound, beat).unref();
      sound();
    },
    async isGone(id) {
      if (local.isHere(id)) return local.isGone(id);
      const silence = await journal.silence(nameOf(id));
      // One that was never heard of may be an older version, which says nothing: its jobs end with their authority.
      if (silence === undefined || silence < silent) {
        silentSince.delete(id);
        return false;
      }
      const since = silentSince.get(id) ?? performance.now();
      silentSince.set(id, since);
      return performance.now() - since > listen;
    },
    release() {
      clearInterval(beating);
      beating = undefined;
      local.release();
    },
  };
}
