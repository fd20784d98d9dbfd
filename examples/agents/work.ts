/**
 * What an agent of these examples is: it reads its input, works through its own `aga-delegate` session, says how far it is,
 * and ends with a result. The session needs nothing but the environment that the job was given.
 */
import { readFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

export interface Session {
  /** Calls a tool, `<server>__<tool>` or one of aga-delegate's own, and answers what it says. Throws `Refused`. */
  call(name: string, input: object): Promise<any>;
  progress(done: number, total: number, message?: string): void;
  log(message: string): void;
}

/** A no that an agent can act on. */
export class Refused extends Error {
  readonly code: string;
  readonly detail: any;

  constructor({ code, message, detail }: { code: string; message: string; detail: unknown }) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

export async function work(does: (input: any, session: Session) => Promise<unknown>): Promise<void> {
  const input = JSON.parse(readFileSync(0, 'utf8'));
  const client = new Client({ name: 'example-agent', version: '1.0.0' });
  // Given its program by the configuration of the example; elsewhere `npx aga-delegate` does.
  const [command = 'npx', ...args] = JSON.parse(process.env.EXAMPLE_SERVER ?? '["npx","-y","aga-delegate"]');
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
  await client.connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }));
  const session: Session = {
    async call(name, given) {
      const { content, structuredContent, isError } = (await client.callTool({
        name,
        arguments: given as never,
      })) as any;
      const text = content?.find((block: { type: string }) => block.type === 'text')?.text ?? '';
      if (!isError) return structuredContent?.content ?? structuredContent ?? text;
      throw new Refused(refusalIn(text));
    },
    progress: (progress, total, message) => say({ type: 'progress', progress, total, ...(message && { message }) }),
    log: (message) => say({ type: 'log', message }),
  };
  try {
    say({ type: 'result', result: await does(input, session) });
  } catch (error) {
    const { code = 'AGENT_FAILED', message } = error as Refused;
    say({ type: 'error', error: { code, message } });
  }
  await client.close();
}

function refusalIn(text: string): { code: string; message: string; detail: unknown } {
  try {
    return JSON.parse(text).error;
  } catch {
    return { code: 'UPSTREAM_FAILED', message: text, detail: null };
  }
}
