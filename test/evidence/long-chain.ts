/** A chain of one root and many decisions, made without a kernel because it is long. */
import { seal } from '../../src/artifact/artifact.ts';
import { genesisBytes } from '../../src/authority/event/genesis.ts';
import type { Event } from '../../src/authority/event/index.ts';
import { Ledger } from '../../src/authority/ledger.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { toBase64url } from '../../src/base/encoding.ts';
import { formatInstant } from '../../src/base/instant.ts';
import { verifierKey } from '../../src/chain/checkpoint.ts';
import type { Keys, Row, Store } from '../../src/ports.ts';
import { EVERYTHING, intern } from '../../src/scope/scope.ts';
import { KEYS, ORIGIN, START } from '../kernel.ts';

export interface LongChain {
  readonly root: string;
  /** Milliseconds since the epoch, behind the last entry. */
  readonly end: number;
  /** Adds so many decisions. */
  grow(decisions: number, tool?: string): Promise<void>;
}

/** Fills an empty store. */
export async function longChain(store: Store, decisions: number, { authority, log }: Keys = KEYS): Promise<LongChain> {
  const ledger = new Ledger(ORIGIN);
  const trust = toDidKey(authority.publicKey);
  const unsigned = { kind: 'GENESIS' as const, authority: trust, log_key: verifierKey(ORIGIN, log.publicKey) };
  const root = seal(
    {
      authority: trust,
      parent: null,
      depth: 0,
      holder: null,
      subject: 'long',
      purpose: 'many decisions',
      nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
      issued_at: formatInstant(START),
      expires_at: formatInstant(START + 1e10),
      scope: intern({
        permissions: EVERYTHING,
        argument_rules: [],
        limits: {},
        enforcement_triggers: ['ALERT_ONLY'],
        measurement_types: [],
      }),
      terms: { preset: null, min_binding: 'handle', budget_mode: null },
      delegation: { max_depth: 3, max_children: 32 },
    },
    authority,
  );
  const decision = (n: number, tool: string): Event => ({
    kind: 'DECISION',
    artifact_hash: root.hash,
    verdict: 'permit',
    code: null,
    refused_by: null,
    capability: 'tool.call',
    tool,
    arguments_digest: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    request_id: n,
    binding: 'operator',
    mode: 'enforce',
  });
  const append = async (events: readonly Event[]): Promise<void> => {
    const size = ledger.size;
    const rows: Row[] = events.map((event) => ledger.append(event, START + ledger.size));
    await store.commit(size, () => ({ rows, head: ledger.head(log) }));
  };
  const grow = (count: number, tool = 'files/read'): Promise<void> =>
    append(Array.from({ length: count }, (_, n) => decision(ledger.size + n, tool)));
  await append([
    { ...unsigned, signature: toBase64url(authority.sign(genesisBytes(unsigned))) },
    { kind: 'ARTIFACT_CREATED', sealed: root, request: null },
  ]);
  await grow(decisions);
  return { root: root.hash, end: START + 10_000_000, grow };
}
