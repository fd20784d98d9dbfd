/** Settings → keys, store, clock → sequencer → tools. The only file that sees everything. */
import { join } from 'node:path';
import { toDidKey } from './base/did-key.ts';
import { bound, type Caller, operator } from './caller.ts';
import { verifierKey } from './chain/checkpoint.ts';
import { complain, report } from './complaint.ts';
import { type Config, configured } from './config/file.ts';
import { type Settings, UNNAMED } from './config.ts';
import { gatewayOf } from './edge/gateway/gatekeeper.ts';
import { gatewaySession } from './edge/gateway/gateway-session.ts';
import { actsAsked } from './edge/gateway/maps.ts';
import { pricesOf } from './edge/gateway/pricing.ts';
import { governedSession } from './edge/mcp/governed.ts';
import type { Session } from './edge/mcp/session.ts';
import { watched } from './edge/mcp/watched.ts';
import { auditOf } from './installation/auditing.ts';
import { type Ground, groundOf } from './installation/ground.ts';
import { openOffice } from './jobs/office.ts';
import type { RemoteDesk } from './jobs/remote.ts';
import { randomSource } from './keys/random.ts';
import type { Succession } from './keys/succession.ts';
import { type Tokens, tokensOf } from './keys/tokens.ts';
import type { Index, Store, Tree } from './ports.ts';
import { parseLimits } from './scope/limits.ts';
import { parseCeiling, parsePresets } from './scope/preset.ts';
import type { Follower } from './sequencer/follower.ts';
import { Sequencer } from './sequencer/sequencer.ts';
import { Enforcement } from './service/enforcement.ts';
import { Lookout } from './service/lookout.ts';
import { Service } from './service/service.ts';
import { fileArchive } from './store/file-archive.ts';
import { fileCache } from './store/file-cache.ts';
import { parseAgents } from './tools/available.ts';
import { TOOLS } from './tools/index.ts';
import { refuseListedNames } from './tools/listed-names.ts';
import type { Policy, Reader } from './tools/tool.ts';
import { Book } from './witness/book.ts';
import { type Witnesses, witnessesOf } from './witness/desk.ts';
import { patrol } from './witness/patrol.ts';
import { post } from './witness/post.ts';

export interface Installation {
  readonly service: Service;
  /** What this caller sees over MCP: our tools, and what its artifact permits of the upstreams. */
  session(caller: Caller): Session;
  readonly enforcement: Enforcement;
  readonly tokens: Tokens;
  /** Jobs for workers elsewhere. */
  readonly jobs: RemoteDesk;
  /** Ends the jobs of this process at once. */
  endJobs(): Promise<void>;
  /** Remembers used proofs for all who accept them, until it is closed. */
  readonly openNonces: Ground['openNonces'];
  /** The authority's name. */
  readonly name: string;
  /** did:key of the authority. */
  readonly authority: string;
  /** C2SP verifier key of the log, as far as this process has followed it. */
  readonly log: string;
  /** Who cosigns its checkpoints. */
  readonly witnesses: Witnesses;
  /** How the log's key is followed by another. */
  readonly succession: Succession;
  close(): Promise<void>;
}

/** Called while the whole chain is judged: entries done, entries there are. */
export type Watch = (done: number, total: number) => void;

/** Opens the data directory, and the database where one is shared. Throws `CannotStart`. */
export async function assemble(settings: Settings, watch?: Watch): Promise<Installation> {
  const { authority: name, config, launch } = settings;
  const random = randomSource();
  const { store, keys, succession, origin, home, journal, presence, openNonces, settle } = await groundOf(
    settings,
    random,
  );
  const authority = toDidKey(keys.authority.publicKey);
  const caches = {
    snapshot: fileCache(join(home, 'snapshot')),
    checkpoint: fileCache(join(home, 'checkpoint')),
  };
  let logKey = (): string => verifierKey(origin, keys.log.publicKey);
  const book = new Book(home, () => logKey());
  const policy = policyOf(config, settings, presence.id);
  const world = { store, caches, keys, clock: Date.now, policy, random, origin };
  const sequencer = new Sequencer(world, (follower) => {
    logKey = () => follower.logKey;
    return {
      ...readerOf(store, follower, authority, watch),
      get log() {
        return follower.log;
      },
      said: (jobId) => journal.of(jobId),
      archive: fileArchive(join(home, 'evidence')),
      cosigned: () => book.cosigned(),
    };
  });
  const service = new Service(sequencer, TOOLS, store);
  const enforcement = new Enforcement(service, config.refusals_per_minute, config.mode);
  const lookout = new Lookout(service);
  const { gateway, decider } = gatewayOf(config, { service, enforcement, lookout });
  const tokens = tokensOf(keys.authority);
  const { supervisor, remote: jobs } = openOffice({
    service,
    lookout,
    journal,
    presence,
    agents: config.agents,
    grace: config.job_grace_seconds,
    place: {
      dataDir: settings.dataDir,
      authority: name,
      launch,
      database: settings.database.url,
      archiveDir: settings.archiveDir,
      enrolment: tokens.enrolment,
    },
    report,
  });
  const asking = { chain: service.reader, book, post, clock: Date.now };
  const rounds = patrol(asking, { report: complain });
  const close = async (): Promise<void> => {
    await rounds.close();
    await supervisor.close();
    lookout.close();
    await gateway.close();
    await service.close();
    await journal.close();
    await store.close();
  };
  await settle(service).catch(async (error) => {
    await close();
    throw error;
  });
  const tooMany = (artifact: string): void => void enforcement.refused(artifact).catch(() => undefined);
  return {
    service,
    session(caller) {
      const own = watched(governedSession(service, caller), caller, tooMany);
      return gateway.servers.length === 0 ? own : gatewaySession(own, { gateway, decider, caller });
    },
    enforcement,
    tokens,
    jobs,
    endJobs: () => supervisor.close(),
    openNonces,
    name,
    authority,
    get log() {
      return logKey();
    },
    succession,
    witnesses: witnessesOf(asking),
    close,
  };
}

function policyOf(
  { presets, root_ceiling: ceiling, limits, agents, upstreams, maps, prices }: Config,
  { launch, authority }: Settings,
  supervisor: string,
): Policy {
  return configured(() => {
    const behind = { servers: new Set(Object.keys(upstreams)), touched: actsAsked(maps), price: pricesOf(prices) };
    const named = parsePresets(presets ?? {});
    const rootCeiling = ceiling === undefined ? null : parseCeiling(ceiling, 'root_ceiling');
    for (const each of [...named.values(), ...(rootCeiling ? [rootCeiling] : [])]) refuseListedNames(each, behind);
    return {
      presets: named,
      rootCeiling,
      rootLimits: parseLimits(limits ?? {}),
      launch,
      ...(authority !== UNNAMED && { launchEnv: { AGA_AUTHORITY: authority } }),
      behind,
      jobs: { agents: parseAgents(agents), supervisor },
    };
  });
}

/** The caller that a stdio session of these settings is. */
export const callerOf = ({ artifact }: Settings): Caller =>
  artifact === null ? operator() : bound(artifact, 'process');

function readerOf(
  store: Store & Tree & Index,
  follower: Follower,
  own: string,
  watch?: Watch,
): Omit<Reader, 'log' | 'archive' | 'said' | 'cosigned'> {
  return {
    read: (query) => store.read(query),
    nodes: (...range) => store.nodes(...range),
    async audit(authority = own) {
      const remembered = await follower.rememberedNote();
      const trust = { authority, origin: follower.origin, ...(remembered !== undefined && { remembered }) };
      return auditOf(store, trust, watch);
    },
  };
}
