/** Replicas as an operator runs them: processes of the built program on one database, each with a folder of its own. */
import { onTestFinished } from 'vitest';
import { type Served, served } from './program.ts';

export const OPERATOR = 'the-operator-token-of-these-replicas';

export interface Answer {
  /** 0 where nothing came back. */
  readonly status: number;
  readonly json: any; // a test reads members of many answers
}

export interface Replica extends Served {
  readonly home: string;
  readonly database: string;
  /** Never rejects: a replica that is gone answers with status 0. */
  post(path: string, body: object, token?: string): Promise<Answer>;
  tool(name: string, input?: object): Promise<Answer>;
}

/** Gone after the test. Resolves when it accepts connections; rejects with what it said where it ends instead. */
export async function replica(
  home: string,
  url: string,
  env: object = {},
  args: readonly string[] = [],
): Promise<Replica> {
  const own = { AGA_OPERATOR_TOKEN: OPERATOR, AGA_DATABASE_URL: url, ...env };
  const server = await served(['--data-dir', home, ...args], own);
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  const post = async (path: string, body: object, token = OPERATOR): Promise<Answer> => {
    try {
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      });
      return { status: response.status, json: await response.json() };
    } catch (error) {
      return { status: 0, json: { error: { code: String(error) } } };
    }
  };
  return { ...server, home, database: url, post, tool: (name, input = {}) => post(`/api/v1/tools/${name}`, input) };
}
