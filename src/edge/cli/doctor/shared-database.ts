/** The PostgreSQL that replicas share: reachable, up to date, guarded, and with a clock like ours. */
import { Refusal } from '../../../base/refusal.ts';
import { moving } from '../../../store/postgres/moving.ts';
import { broken, type Finding, note, ok, reason } from './check.ts';

/** Milliseconds between two clocks that nobody needs to hear of. */
const SKEW = 5_000;
/** Milliseconds to wait for a database that is away. */
const PATIENCE = 2_000;
const OWNER = 'Run as the owner of the database: aga-delegate migrate';

export async function examine(url: string, authority: string): Promise<readonly Finding[]> {
  try {
    return findings(await healthOf(url, authority));
  } catch (error) {
    const isAway = !(error instanceof Refusal) || error.code === 'CHAIN_CONTENDED';
    return [broken('database', reason(error), isAway ? 'Check that it runs, and AGA_DATABASE_URL.' : error.hint)];
  }
}

/** Whether looking at the chain would not begin it; null where that cannot be known. Throws refusals. */
export const hasChain = async (url: string, authority: string): Promise<boolean | null> =>
  (await healthOf(url, authority)).begun;

/** Several checks want to know, and a database that is away is waited for once. */
const asked = new Map<string, Promise<Health>>();

function healthOf(url: string, authority: string): Promise<Health> {
  const health = asked.get(url) ?? ask(url, authority);
  asked.set(url, health);
  return health;
}

async function ask(url: string, authority: string): Promise<Health> {
  const database = moving(url, PATIENCE);
  try {
    return await database.health(authority, Date.now);
  } finally {
    await database.close();
  }
}

type Health = Awaited<ReturnType<ReturnType<typeof moving>['health']>>;

function findings({ server, pending, ahead, guarded, mayChange, lacking, waits }: Health): Finding[] {
  const name = 'database';
  if (pending === null)
    return [broken(name, `PostgreSQL ${server}: its tables are newer than this program.`, 'Update aga-delegate.')];
  if (!guarded) return [broken(name, 'The triggers that keep entries from being changed are missing or off.', OWNER)];
  const found = [
    pending.length === 0
      ? ok(name, `PostgreSQL ${server}, its tables are up to date${waits ? ', a standby confirms each commit' : ''}`)
      : note(
          name,
          `PostgreSQL ${server}: its tables need ${pending.length} more step${pending.length === 1 ? '' : 's'}.`,
          OWNER,
        ),
  ];
  if (lacking.length > 0)
    found.push(
      broken(
        'role',
        `The role of AGA_DATABASE_URL may not do what a replica does: ${lacking.length} of its grants are missing.`,
        `As the owner: ${lacking.map((grant) => `${grant} TO …;`).join(' ')}`,
      ),
    );
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
