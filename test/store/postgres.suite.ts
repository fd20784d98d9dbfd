/** A suite on a real PostgreSQL: skipped, in words, where there is none; the server is there for all of its tests. */
import { afterAll, beforeAll, describe } from 'vitest';
import { missing, type Server, server } from './postgres.server.ts';

/** Both from the first test on. */
export interface Place {
  readonly pg: Server;
  /** Of a database of the suite's own. */
  readonly url: string;
}

export function onPostgres(title: string, suite: (on: Place) => void): void {
  describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (${missing})`, () => {
    let pg: Server | undefined;
    let url = '';
    beforeAll(async () => {
      pg = await server();
      url = await pg.database();
    });
    afterAll(() => pg?.stop());
    suite({
      get pg() {
        if (!pg) throw new Error('asked before the first test');
        return pg;
      },
      get url() {
        return url;
      },
    });
  });
}
