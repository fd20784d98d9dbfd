/** The installation of this data directory as the command line uses it: whatever is asked, the caller of the settings asks it. */
import { assemble, type Installation, type Watch } from '../assemble.ts';
import { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import { CannotStart } from '../cannot-start.ts';
import type { Settings } from '../config.ts';
import type { Opened } from '../edge/cli/command.ts';
import { listFor } from '../edge/http/agent.ts';
import { standingOf } from '../service/standing.ts';
import { identityOf } from './identity.ts';

/** `operatorToken`: what `serve` accepts as the operator's; without one it makes its own. Throws `CannotStart`. */
export async function openHere(
  settings: Settings,
  operatorToken: string | undefined,
): Promise<Opened & Pick<Installation, 'close'>> {
  let watch: Watch = () => {};
  const installation = await assemble(settings, (done, total) => watch(done, total));
  try {
    const identity = identityOf(installation, settings);
    return {
      ...opened(installation, settings, identity, operatorToken),
      watch: (listener) => {
        watch = listener;
      },
      close: installation.close,
    };
  } catch (error) {
    await installation.close();
    throw error;
  }
}

function opened(
  installation: Installation,
  settings: Settings,
  identity: () => Promise<Caller>,
  operatorToken: string | undefined,
): Omit<Opened, 'watch'> {
  const { service, enforcement, witnesses, name, authority, log } = installation;
  const operator = async (why: string): Promise<Caller> => {
    const caller = await identity();
    if (caller.artifact === null) return caller;
    throw new Refusal('NOT_OPERATOR', why);
  };
  return {
    authority,
    log,
    call: async (tool, input) => service.call(tool, input, await identity()),
    readAll: async (answer) =>
      service.read(await operator('Only the operator reads the whole chain: it shows what everybody did.'), answer),
    resume: async (hash) => enforcement.resume(await identity(), hash),
    agents: async () => listFor(await identity(), service, name),
    async witnesses() {
      await operator('Only the operator chooses who watches the log.');
      return witnesses;
    },
    standing: async () => standingOf(await identity(), service),
    async hook(told, servers) {
      // Loaded only here, as the server below: a command waits for every module that it loads.
      const [{ judgeHook }, { slipsIn }] = await Promise.all([
        import('../edge/hook/judge.ts'),
        import('../edge/hook/slips.ts'),
      ]);
      const { artifact } = await identity();
      const { mode, require_hook: required, upstreams } = settings.config;
      return judgeHook(told, {
        service,
        enforcement,
        slips: slipsIn(settings.dataDir),
        mode,
        required,
        artifact,
        servers,
        upstreams: Object.keys(upstreams),
      });
    },
    async serve(options) {
      const { serveInstallation } = await import('./serving.ts');
      if ((await identity()).artifact !== null) throw new CannotStart('Only the operator serves an authority.');
      return serveInstallation(installation, { ...options, ...settings, given: operatorToken });
    },
  };
}
