/** Builds the gateway of a configuration, and its gatekeeper, which lets the service judge every call. */
import { find, refuseHalted } from '../../authority/find.ts';
import { lineage } from '../../authority/grant.ts';
import { Refusal } from '../../base/refusal.ts';
import { operator } from '../../caller.ts';
import { type Config, configured } from '../../config/file.ts';
import type { Act, Scope } from '../../scope/scope.ts';
import { Disconnecting, DUTY } from '../../service/disconnecting.ts';
import type { Enforcement } from '../../service/enforcement.ts';
import type { Lookout } from '../../service/lookout.ts';
import type { Service } from '../../service/service.ts';
import { type Mode, refusalOf, TOTAL } from '../../service/verdict.ts';
import { VERSION } from '../../version.ts';
import { Charging } from './charging.ts';
import { artifactOf, type Decider, type Standing } from './decider.ts';
import { Gateway } from './gateway.ts';
import { Measuring } from './measuring.ts';
import { type Price, pricesOf } from './pricing.ts';
import { isNamed } from './visible.ts';

export interface Law {
  readonly service: Service;
  readonly enforcement: Enforcement;
  readonly lookout: Lookout;
}

/** The gateway over the configured upstreams, none of them started yet, and the decider that judges their calls. */
export function gatewayOf(config: Config, law: Law): { gateway: Gateway; decider: Decider } {
  const client = { name: 'aga-delegate', version: VERSION };
  const log = (text: string): void => void process.stderr.write(text);
  const gateway = new Gateway({ upstreams: config.upstreams, maps: config.maps, client, log });
  const measuring = new Measuring({
    gateway,
    config: config.measure,
    keep: (artifact, seen) => law.enforcement.measure(artifact, seen),
    lookout: law.lookout,
  });
  const disconnecting = new Disconnecting(law.enforcement, (server) => {
    void gateway.servers.find(({ name }) => name === server)?.upstream.disconnect();
  });
  law.enforcement.onFired(() => void law.lookout.look());
  const decider = gatekeeper({
    ...law,
    priceOf: configured(() => pricesOf(config.prices)),
    charging: new Charging(law.service),
    mode: config.mode,
    async measure(artifact, scopes, server) {
      if (scopes.some(({ enforcement_triggers: duties }) => duties.includes(DUTY)))
        await disconnecting.used(artifact, server);
      await measuring.before(artifact, scopes, server);
    },
  });
  return { gateway, decider };
}

interface GatekeeperOptions extends Law {
  readonly priceOf: (tool: string) => Price | undefined;
  readonly charging: Charging;
  readonly mode: Mode;
  /** Measures an upstream for a lineage before one of its calls is judged. */
  readonly measure: (artifact: string, scopes: readonly Scope[], server: string) => Promise<void>;
}

function gatekeeper({ service, enforcement, lookout, mode, measure, priceOf, charging }: GatekeeperOptions): Decider {
  const scopesOf = scopesIn(service);

  /** Measures the upstream that is about to be used; one that may not be used is not started for this. */
  async function unmeasurable(artifact: string | null, { capability, resource }: Act): Promise<Refusal | undefined> {
    const scopes = artifact === null ? [] : await scopesOf(artifact);
    if (artifact === null || !isNamed(scopes, capability, resource)) return undefined;
    try {
      // `<server>/<tool>`, `<server>/<prompt>`, `<server>`
      await measure(artifact, scopes, resource.split('/', 1)[0] ?? '');
      return undefined;
    } catch (error) {
      // The upstream does not answer, or the artifact ended meanwhile. The caller records this refusal like any other.
      if (error instanceof Refusal && (error.code === 'UPSTREAM_FAILED' || TOTAL.has(error.code))) return error;
      throw error;
    }
  }

  return {
    standing: (caller) =>
      service.askAnyone<Standing>({
        name: 'standing',
        caller,
        writes: false,
        decide({ state, now }) {
          const hash = artifactOf(caller);
          if (hash === null) throw new Refusal('NO_ARTIFACT', 'No artifact loaded. Call aga_create_artifact first.');
          const grant = find(state, hash);
          refuseHalted(grant, now);
          const scopes = lineage(grant).map(({ scope }) => scope);
          return { answer: { artifact: hash, scopes, isShadow: mode === 'shadow' } };
        },
      }),
    async decide({ caller, tool, acts, resolved, argumentsDigest, requestId, barred: found }) {
      const ownNo = found ?? (await unmeasurable(artifactOf(caller), acts[0]));
      const price = tool === null ? undefined : priceOf(tool);
      const question = { tool, acts, second: resolved, argumentsDigest, requestId, barred: ownNo, price };
      const verdict = await service.decide(caller, question, mode);
      const { grant, held } = verdict;
      const refusal = refusalOf(verdict, mode);
      if (refusal && grant) void enforcement.refused(grant.hash).catch(() => undefined);
      if (refusal) return refusal;
      if (!grant) throw new TypeError('a call was permitted under no artifact');
      const artifact = grant.hash;
      if (!held || !price) return { artifact };
      return { artifact, paid: (call) => charging.paid({ artifact, ...held }, price, call) };
    },
    onEnded: (artifact, ended) => lookout.onEnded(artifact, ended),
  };
}

/** The scopes of a lineage, which never change once it exists. */
function scopesIn(service: Service): (artifact: string) => Promise<readonly Scope[]> {
  const known = new Map<string, readonly Scope[]>();
  return async (artifact) => {
    const before = known.get(artifact);
    if (before) return before;
    const scopes = await service.askAnyone<readonly Scope[]>({
      name: 'scopes',
      caller: operator(),
      writes: false,
      decide: ({ state }) => {
        const grant = state.grants.get(artifact);
        return { answer: grant ? lineage(grant).map(({ scope }) => scope) : [] };
      },
    });
    if (known.size > MOST_KNOWN) known.clear();
    known.set(artifact, scopes);
    return scopes;
  };
}

const MOST_KNOWN = 10_000;
