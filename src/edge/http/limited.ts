/** Over MCP an agent mints no faster than by any other way. */
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import { delegateToSubagent } from '../../tools/delegate-to-subagent.ts';
import { refusalResult } from '../mcp/result.ts';
import type { Session } from '../mcp/session.ts';
import type { Rate } from './rate.ts';

export function limitedSession(session: Session, { artifact }: Caller, mints: Rate): Session {
  if (artifact === null) return session;
  return {
    ...session,
    async callTool(call) {
      try {
        if (call.name === delegateToSubagent.name) mints.take(artifact);
      } catch (error) {
        if (error instanceof Refusal) return refusalResult(error);
        throw error;
      }
      return session.callTool(call);
    },
  };
}
