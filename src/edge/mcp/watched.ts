/** A session whose refusals are told of: too many of them in a minute are noticed, whichever tool refused. */
import type { Caller } from '../../caller.ts';
import type { Session } from './session.ts';

export function watched(session: Session, { artifact }: Caller, onRefused: (artifact: string) => void): Session {
  if (artifact === null) return session;
  return {
    ...session,
    async callTool(call) {
      const result = await session.callTool(call);
      if (result.isError === true) onRefused(artifact);
      return result;
    },
  };
}
