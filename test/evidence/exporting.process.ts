/** A process of its own that exports and, where it is told to, dies by SIGKILL after so many entries. */
import { exportBundle } from '../../src/evidence/export.ts';
import { openDraft } from '../../src/store/file-draft.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { KEYS } from '../kernel.ts';

const [database = '', out = '', artifact_hash = '', time = '', die = ''] = process.argv.slice(2);
const store = openSqlite(database);
const draft = await openDraft(out);
const watch = (done: number): void => {
  if (die !== '' && done >= Number(die)) process.kill(process.pid, 'SIGKILL');
};
const { kept } = await exportBundle(store, { artifact_hash }, draft, { log: KEYS.log, time: Number(time), watch });
await draft.finish(out);
await draft.close();
process.stdout.write(String(kept));
