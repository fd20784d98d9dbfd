/** The agent that a caller is, as somebody sees it who must stop when its authority ends. */
import { agentId } from '../artifact/enrolment.ts';
import { find } from '../authority/find.ts';
import type { Grant } from '../authority/grant.ts';
import { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import type { Service } from './service.ts';

/** An agent that was enrolled here, and whether it still may act. */
export interface Standing {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Why its authority has ended; null while it has not, or nobody could be asked. */
  over(): Promise<Refusal | null>;
}

/** Throws where the caller is the operator, or its authority has ended. */
export async function standingOf(caller: Caller, service: Service): Promise<Standing> {
  const { artifact } = caller;
  if (artifact === null) throw new Refusal('NO_ARTIFACT', 'The operator is no agent.');
  const ask = () =>
    service.ask<Grant>({
      name: 'standing',
      caller,
      writes: false,
      decide: ({ state }) => ({ answer: find(state, artifact) }),
    });
  const { hash, subject, expires } = await ask();
  return {
    id: agentId(hash),
    name: subject,
    expires,
    async over() {
      try {
        await ask();
        return null;
      } catch (error) {
        if (error instanceof Refusal) return error.body.retryable ? null : error;
        throw error;
      }
    },
  };
}
