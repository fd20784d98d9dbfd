/** Writes down what time has ended. Nothing waits for it: every rule asks the clock itself. */
import { type Grant, lineage } from '../authority/grant.ts';
import { operator } from '../caller.ts';
import type { Service } from './service.ts';

/** Entries proposed at once. */
const MOST = 500;

/** After a call, and from one round to the next, in milliseconds. */
const PAUSE = 1000;
/** A timer cannot be set for more than 24 days. */
const LONGEST = 24 * 3600_000;

/** Sweeps behind calls, and when the next artifact expires that this process knows of; asleep between. Returns what ends it. */
export function keepSwept(service: Service): () => void {
  let timer: NodeJS.Timeout | undefined;
  let at = Number.POSITIVE_INFINITY;
  const wakeIn = (wait: number): void => {
    if (Date.now() + wait >= at) return;
    at = Date.now() + wait;
    clearTimeout(timer);
    timer = setTimeout(() => void round(), wait).unref();
  };
  const round = async (): Promise<void> => {
    at = Number.POSITIVE_INFINITY;
    // Callers report a store that is away, and the next call wakes us.
    const wait = await sweep(service).catch(() => undefined);
    if (wait !== undefined) wakeIn(Math.min(Math.max(wait, PAUSE), LONGEST));
  };
  const quiet = service.onCalled(() => wakeIn(PAUSE));
  return () => {
    quiet();
    clearTimeout(timer);
    at = Number.NEGATIVE_INFINITY;
  };
}

/**
 * One round: an `EXPIRY` for each artifact that has expired and whose lineage was not revoked before. Resolves to how
 * many milliseconds later the next expires; undefined where none is live.
 */
export async function sweep(service: Service): Promise<number | undefined> {
  const caller = operator();
  const { due, wait } = await service.askAnyone<{ due: string[]; wait: number | undefined }>({
    name: 'sweep',
    caller,
    writes: false,
    decide: ({ state, now }) => {
      const due = state.expired.filter((grant) => isDue(grant, now)).map(({ hash }) => hash);
      const next = due.length > MOST ? now : state.nextExpiry;
      return { answer: { due, wait: next && next - now } };
    },
  });
  const noted = due.slice(0, MOST).map((artifact_hash) =>
    service.askAnyone<void>({
      name: 'sweep',
      caller,
      writes: true,
      decide({ state, now }) {
        const grant = state.grants.get(artifact_hash);
        // Another process may have been faster.
        if (!grant || !isDue(grant, now)) return { answer: undefined };
        return { event: { kind: 'EXPIRY', artifact_hash }, tell: () => undefined };
      },
    }),
  );
  await Promise.all(noted);
  return wait;
}

const isDue = (grant: Grant, now: number): boolean =>
  grant.expires <= now && !grant.expiryNoted && lineage(grant).every(({ revoked }) => revoked === null);
