/** The witnesses: whether each can be reached, and how much of the chain it has cosigned. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { homeOf } from '../../../config.ts';
import { broken, type Check, note, ok } from './check.ts';

const CUT =
  'The chain was cut or rewritten: stop, keep every copy, and find the one with those entries (docs/operations.md).';
const SYNC = 'Run: aga-delegate witness sync';

export const witnesses: Check = async (desk) => {
  const settings = desk.settings();
  const { artifact, token, url } = settings;
  // Others than the operator choose no witnesses, and to open what has none would begin a chain.
  if (artifact !== null || token !== null || url !== null) return [];
  if (!existsSync(join(homeOf(settings), 'witnesses.json'))) return [];
  const found = await (await desk.open()).witnesses();
  const standings = await found.list();
  const reached = await Promise.all(standings.map((each) => found.reach(each.url)));
  return standings.map(({ name, url, cosigned, behind, foreign }, at) => {
    const title = `witness ${name}`;
    if (foreign) return broken(title, `It has cosigned ${cosigned} entries that are not here.`, CUT);
    const away = reached[at];
    if (typeof away === 'string') {
      const since = cosigned === null ? 'it has cosigned nothing' : `it is ${behind} entries behind`;
      return note(title, `${url} cannot be reached: ${away}; ${since}.`, 'Check its address, or remove it.');
    }
    if (cosigned === null) return note(title, `${url} has cosigned nothing yet.`, SYNC);
    if (behind > 0) return note(title, `${url} has cosigned ${cosigned} entries, ${behind} behind.`, SYNC);
    return ok(title, `${url} has cosigned all ${cosigned} entries`);
  });
};
