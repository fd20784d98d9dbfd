/** The PostgreSQL that replicas share: reachable, up to date, guarded, and with a clock like ours. */
import { moving } from '../../../store/postgres/moving.ts';
import { broken, type Finding, note, ok, reason } from './check.ts';

/** Milliseconds between two clocks that nobody needs to hear of. */
const SKEW = 5_000;
const OWNER = 'Run as the owner of the database: aga-delegate migrate';

export async function examine(url: string, authority: string): Promise<readonly Finding[]> {
  try {
    return findings(await healthOf(url, authority));
  } catch (error) {
    return [broken('database', reason(error), 'Check that it runs, and AGA_DATABASE_URL.')];
  }
}

/** Whether looking at the chain would not begin it. Throws refusals. */
export const hasChain = async (url: string, authority: string): Promise<boolean> =>
  (await healthOf(url, authority)).begun;

async function healthOf(url: string, authority: string): Promise<Health> {
  const database = moving(url);
  try {
    return await database.health(authority, Date.now);
  } finally {
    await database.close();
  }
}

type Health = Awaited<ReturnType<ReturnType<typeof moving>['health']>>;

function findings({ server, pending, ahead, guarded, mayChange, waits }: Health): Finding[] {
  const name = 'database';
  if (pending === null)
    return [broken(name, `PostgreSQL ${server}: its tables are newer than this program.`, 'Update aga-delegate.')];
  if (!guarded) return [broken(name, 'The triggers that keep entries from being changed are missing or off.', OWNER)];
  const found = [
    pending.length === 0
      ? ok(name, `PostgreSQL ${server}, its tables are up to date${waits ? ', a standby confirms each commit' : ''}`)
      : note(name, `PostgreSQL ${server}: its tables need ${pending.length} more steps.`, OWNER),
  ];
  if (mayChange)
    found.push(
      note(
        'role',
        'The role of AGA_DATABASE_URL owns the tables: only triggers keep it from changing entries.',
        'Give replicas a role that may only add; docs/operations.md lists its grants.',
      ),
    );
  if (Math.abs(ahead) > SKEW)
    found.push(
      note(
        'clock',
        `The clock of the database is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'} ours.`,
        'Let every machine take its time from the same source: expiry is judged by it.',
      ),
    );
  return found;
}
