/** A suite on a real PostgreSQL: skipped, in words, where there is none; the server is there for all of its tests. */
import { afterAll, beforeAll, describe } from 'vitest';
import { missing, type OwnServer, ownServer, type Server, server } from './postgres.server.ts';

/** Both from the first test on. */
export interface Place<S extends Server = Server> {
  readonly pg: S;
  /** Of a database of the suite's own. */
  readonly url: string;
}

export function onPostgres(title: string, suite: (on: Place) => void): void {
  onServer(title, missing, server, suite);
}

/** The same on a server that the suite may stop, and put back to what it was. */
export function onOwnPostgres(title: string, suite: (on: Place<OwnServer>) => void): void {
  const shared = process.env.AGA_TEST_DATABASE_URL !== undefined;
  onServer(title, shared ? 'it stops the server that it uses' : missing, ownServer, suite);
}

function onServer<S extends Server>(
  title: string,
  skipped: string | undefined,
  open: () => Promise<S>,
  suite: (on: Place<S>) => void,
): void {
  describe.skipIf(skipped !== undefined)(skipped === undefined ? title : `${title} (${skipped})`, () => {
    let pg: S | undefined;
    let url = '';
    beforeAll(async () => {
      pg = await open();
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
