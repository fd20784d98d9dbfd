/** Writes down what time has ended. Nothing waits for it: every rule asks the clock itself. */
import { type Grant, lineage } from '../authority/grant.ts';
import { operator } from '../caller.ts';
import type { Service } from './service.ts';

/** Entries proposed at once. */
const MOST = 500;

/** One round: an `EXPIRY` for each artifact that has expired and whose lineage was not revoked before. */
export async function sweep(service: Service): Promise<void> {
  const caller = operator();
  const due = await service.askAnyone<string[]>({
    name: 'sweep',
    caller,
    writes: false,
    decide: ({ state, now }) => ({
      answer: state.expired.filter((grant) => isDue(grant, now)).map(({ hash }) => hash),
    }),
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
}

const isDue = (grant: Grant, now: number): boolean =>
  grant.expires <= now && !grant.expiryNoted && lineage(grant).every(({ revoked }) => revoked === null);
