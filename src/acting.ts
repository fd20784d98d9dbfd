/** The session that a stdio server gives its host: of the operator, of an artifact's holder, or of an enrolled agent. */
import { assemble, callerOf } from './assemble.ts';
import type { Settings } from './config.ts';
import { enrolledSession } from './edge/enrolled.ts';
import { INSTRUCTIONS } from './edge/governed.ts';
import type { Session } from './edge/session.ts';
import { identityOf } from './identity.ts';

export interface Acting {
  /** For one connection; cheap and without effects. */
  session(): Session;
  /** The end was asked for: what was given to agents ends at once. */
  ending(): void;
  close(): Promise<void>;
}

/** Throws `CannotStart`. */
export async function acting(settings: Settings): Promise<Acting> {
  if (settings.url !== null) return remote(settings);
  const installation = await assemble(settings);
  const close = () => installation.close();
  const ending = () => void installation.endJobs();
  if (settings.token === null) return { session: () => installation.session(callerOf(settings)), ending, close };
  const caller = identityOf(installation, settings);
  return {
    session: () => enrolledSession(INSTRUCTIONS, async () => installation.session(await caller())),
    ending,
    close,
  };
}

/** No data directory of an authority is opened, and none is made: only our key is kept there. */
async function remote(settings: Settings): Promise<Acting> {
  // Loaded only here: a host that starts the server waits for every module.
  const [{ remoteAgent }, { remoteSession }] = await Promise.all([
    import('./edge/remote/connect.ts'),
    import('./edge/remote/session.ts'),
  ]);
  const agent = remoteAgent(settings);
  return {
    session: () => enrolledSession(INSTRUCTIONS, async () => remoteSession(await agent(), INSTRUCTIONS)),
    ending: () => undefined,
    close: async () => undefined,
  };
}
