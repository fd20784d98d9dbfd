/** The command line at another authority: as its operator, or as the agent of our token. */
import type * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { CannotStart } from '../../cannot-start.ts';
import type { AgentIdentity } from '../../client/index.ts';
import { wireTo } from '../../client/wire.ts';
import type { Settings } from '../../config.ts';
import type { Tool } from '../../tools/tool.ts';
import type { Opened } from '../cli/command.ts';
import type { AgentList } from '../http/agent.ts';
import { remoteAgent } from './connect.ts';
import { asRefusal } from './refusal.ts';

/** One request with JSON in and out. */
type Send = (method: string, path: string, body?: object) => Promise<unknown>;

/** `operatorToken` counts where no enrolment token is set. */
export function remoteOpened(settings: Settings, operatorToken: string | undefined): Opened {
  const send = sender(settings, operatorToken);
  return {
    get authority() {
      return here();
    },
    get log() {
      return here();
    },
    watch: () => undefined,
    // The schemas of both sides' tools are the same, or the authority says what is wrong.
    call: async <O extends z.ZodObject>(tool: Tool<z.ZodObject, O>, input: object) =>
      (await send('POST', `/api/v1/tools/${tool.name}`, input)) as z.infer<O>,
    agents: async () => (await send('GET', '/api/v1/agents')) as AgentList,
    readAll: here,
    resume: here,
    serve: here,
    hook: here,
    witnesses: here,
    async standing() {
      const { agentId, agentName, expiresAt } = await remoteAgent(settings)().catch(refuse);
      return {
        id: agentId,
        name: agentName,
        expires: Date.parse(expiresAt),
        async over() {
          try {
            const { status } = (await send('GET', `/api/v1/agents/${agentId}`)) as AgentIdentity;
            return status.phase === 'Active' ? null : new Refusal('LEASE_EXPIRED', `The agent is ${status.phase}.`);
          } catch (error) {
            // Nobody to ask: the end that was agreed on still holds.
            if (error instanceof Refusal) return error.body.retryable ? null : error;
            throw error;
          }
        },
      };
    },
  };
}

function sender(settings: Settings, operatorToken: string | undefined): Send {
  if (settings.token !== null) {
    const agent = remoteAgent(settings);
    return async (method, path, body) => (await agent().catch(refuse)).send(method, path, body).catch(refuse);
  }
  if (operatorToken === undefined) {
    throw new CannotStart(
      'AGA_URL is set without a token: set AGA_TOKEN, or AGA_OPERATOR_TOKEN to act as its operator.',
    );
  }
  const wire = wireTo(settings.url ?? '');
  return (method, path, body) => wire.send(method, path, body, { token: operatorToken }).catch(refuse);
}

function refuse(error: unknown): never {
  throw asRefusal(error);
}

function here(): never {
  throw new CannotStart('This works on a data directory; unset AGA_URL.');
}
