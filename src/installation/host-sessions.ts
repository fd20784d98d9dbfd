/** The sessions that a stdio server gives its host: the operator's, those of an artifact's holder, or those of an enrolled agent. */
import { assemble, callerOf } from '../assemble.ts';
import type { Caller } from '../caller.ts';
import { CannotStart } from '../cannot-start.ts';
import { complain } from '../complaint.ts';
import type { Settings } from '../config.ts';
import { slipsIn } from '../edge/hook/slips.ts';
import { enrolledSession } from '../edge/mcp/enrolled.ts';
import { INSTRUCTIONS } from '../edge/mcp/governed.ts';
import { perCall, STDIO } from '../edge/mcp/per-call.ts';
import type { Session } from '../edge/mcp/session.ts';
import { keepSwept } from '../service/sweeper.ts';
import { identityOf } from './identity.ts';

export interface HostSessions {
  /** For one connection; cheap and without effects. */
  session(): Session;
  /** The end was asked for: what was given to agents ends at once. */
  ending(): void;
  close(): Promise<void>;
}

/** Throws `CannotStart`. */
export async function hostSessions(settings: Settings): Promise<HostSessions> {
  if (settings.url !== null) return remote(settings);
  const installation = await assemble(settings);
  const { service } = installation;
  let nonces: ReturnType<typeof installation.openNonces> | undefined;
  const ending = () => void installation.endJobs();
  const unswept = keepSwept(service);
  const close = async () => {
    unswept();
    await nonces?.close();
    await installation.close();
  };
  const session = (caller: Caller) => installation.session(caller);
  const slips = slipsIn(settings.dataDir, settings.config.require_hook);
  // Agents that share this connection may show with a call who they are.
  const shared = (caller: Caller): Session =>
    perCall(session(caller), {
      caller,
      service,
      urls: [STDIO],
      token: null,
      nonces: () => {
        nonces ??= installation.openNonces();
        return nonces;
      },
      clock: Date.now,
      session,
      hooked: slips.find,
      onFailedProof: (artifact) => void installation.enforcement.failedProof(artifact).catch(() => undefined),
    });
  if (settings.token === null) return { session: () => shared(callerOf(settings)), ending, close };
  const identity = identityOf(installation, settings);
  return { session: () => enrolledSession(INSTRUCTIONS, async () => shared(await identity())), ending, close };
}

/** No data directory of an authority is opened, and none is made: only our key is kept there. */
async function remote(settings: Settings): Promise<HostSessions> {
  // Loaded only here: a host that starts the server waits for every module.
  const [{ remoteAgent }, { remoteSession }] = await Promise.all([
    import('../edge/remote/connect.ts'),
    import('../edge/remote/session.ts'),
  ]);
  if (settings.config.require_hook) {
    throw new CannotStart(
      'With AGA_URL, require_hook has to be set in the configuration of that authority, not in this one.',
    );
  }
  const agent = remoteAgent(settings);
  const unused = Object.keys(settings.config.upstreams);
  if (unused.length > 0) {
    complain(
      `with AGA_URL the upstreams of that authority are used; those of the configuration here are not: ${unused.join(', ')}.`,
    );
  }
  return {
    session: () => enrolledSession(INSTRUCTIONS, async () => remoteSession(await agent(), INSTRUCTIONS)),
    ending: () => undefined,
    close: async () => undefined,
  };
}
