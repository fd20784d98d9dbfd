/** Random chains of whoever holds every key: each event has the form of its kind, and keeps the law only by chance. */
import { signer } from '#ed25519';
import { type Artifact, type Draft, type Sealed, seal } from '../../src/artifact/artifact.ts';
import { agentId, proveHolder } from '../../src/artifact/enrolment.ts';
import { reduction } from '../../src/authority/event/delegation.ts';
import type { Json } from '../../src/base/canonical.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { formatInstant } from '../../src/base/instant.ts';
import type { ChainEvent, Entry } from '../../src/chain/entry.ts';
import { AUTHORITY, at, scope } from '../authority/forge.ts';
import { KEYS, START, seed } from '../kernel.ts';

/** The next number from 0 to 1. */
export type Dice = () => number;

const HOLDERS = ['one', 'two', 'three'].map((name) => signer(seed(name)));
const ALL_TRIGGERS = ['KEY_REVOKE', 'NETWORK_ISOLATE', 'QUARANTINE', 'SAFE_STATE', 'TERMINATE', 'TOKEN_INVALIDATE'];
const STRANGE = 'ab'.repeat(32);
const BINDINGS = ['handle', 'bearer', 'hook', 'process', 'proof'] as const;
const MONEY = ['USD:1', 'USD:0.5', 'USD:3', 'EUR:2', 'USD:0', 'EUR:0.25', 'USD:10'];
const SECONDS = [0, ...Array.from({ length: 20 }, () => 1), 5, 60, 300, 950];

/** After this first entry, which is the genesis, as many others. */
export function soup(genesis: Entry, length: number, dice: Dice): readonly Entry[] {
  const chance = (of: number): boolean => dice() < of;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(dice() * items.length)]!;
  const made: Sealed[] = [];
  const reserved: { readonly id: string; readonly by: string; readonly amounts: readonly string[] }[] = [];
  const jobs: { readonly hash: string; next: number }[] = [];
  let time = START;

  const any = (): string => (chance(0.98) ? pick(made).hash : STRANGE);
  const lineOf = (hash: string | null): readonly Sealed[] => {
    const own = made.find((each) => each.hash === hash);
    return own ? [...lineOf(own.artifact.parent), own] : [];
  };
  /** One of each currency, as an artifact or an event has them; now and then as none should. */
  const amounts = (): readonly string[] => {
    const some = Array.from({ length: chance(0.6) ? 1 : 2 }, () => pick(MONEY));
    return chance(0.95) ? [...new Map(some.map((text) => [text.slice(0, 3), text])).values()].sort() : some;
  };
  const budgetOf = (line: readonly Sealed[]): readonly string[] =>
    line.map(({ artifact }) => artifact.scope.permissions['cost.budget']).findLast((list) => list !== undefined) ?? [];
  /** Less than there is left, mostly: an entry may say so. */
  const remaining = (hash: string): Json =>
    lineOf(hash).map((each, depth, line) => ({
      artifact_hash: each.hash,
      depth,
      amounts: budgetOf(line.slice(0, depth + 1)).map((text) => `${text.slice(0, 3)}:${chance(0.95) ? '0' : '0.5'}`),
    }));

  function artifact(parent: Sealed | null): Sealed {
    const above = parent?.artifact;
    const money = chance(0.5) ? amounts() : budgetOf(lineOf(parent?.hash ?? null));
    const isNamed = parent ? money.length > 0 && chance(0.5) : chance(0.85);
    const until = time + 1000 * pick([2, 60, 700, 3600, 3600, 36_000]);
    const draft: Draft = {
      authority: AUTHORITY,
      parent: parent?.hash ?? null,
      depth: (above?.depth ?? -1) + (chance(0.98) ? 1 : 2),
      holder: chance(0.2) ? toDidKey(pick(HOLDERS).publicKey) : null,
      subject: pick(['worker', 'agent@1']),
      purpose: 'soup',
      nonce: `${String(made.length).padStart(21, '0')}A`,
      issued_at: formatInstant(time + (chance(0.02) ? 400_000 : 0)),
      expires_at:
        above && chance(0.9) && formatInstant(until) > above.expires_at ? above.expires_at : formatInstant(until),
      scope: scope(
        {
          'tool.call':
            above && chance(0.9) ? above.scope.permissions['tool.call']! : pick([['fs/*'], ['**'], ['fs/read']]),
          ...(chance(0.9) && { 'agent.delegate': ['*', '*@*'] }),
          ...(isNamed && { 'cost.budget': money }),
        },
        {
          limits: chance(0.3) ? { calls: pick([0, 1, 2]) } : chance(0.2) ? { calls_per_minute: 1 } : {},
          enforcement_triggers: (above?.scope.enforcement_triggers ??
            ALL_TRIGGERS) as Artifact['scope']['enforcement_triggers'],
        },
      ),
      terms: {
        preset: null,
        min_binding: chance(0.7) ? (above?.terms.min_binding ?? 'handle') : pick(BINDINGS),
        budget_mode: isNamed || chance(0.2) ? pick(['slice', 'slice', 'pool', null]) : pick([null, 'pool']),
      },
      delegation: {
        max_depth: above ? Math.max(0, above.delegation.max_depth - (chance(0.95) ? 1 : 0)) : 4,
        max_children: pick([32, 32, 2, 1]),
      },
    };
    const sealed = seal(draft, chance(0.93) ? KEYS.authority : pick(HOLDERS));
    made.push(sealed);
    return sealed;
  }

  function job(): ChainEvent | null {
    const one = jobs.length > 0 ? pick(jobs) : undefined;
    if (!one) return null;
    const event_number = chance(0.95) ? one.next++ : one.next + 1;
    const child = { job_id: agentId(one.hash), child_artifact_hash: chance(0.97) ? one.hash : any(), event_number };
    if (chance(0.4)) {
      const state = pick(['success', 'error', 'cancelled', 'timed_out']);
      const code = (state === 'success') === chance(0.95) ? null : 'X';
      return { kind: 'JOB_ENDED', ...child, state, code, digest: '' };
    }
    const event_kind = pick(['status', 'status', 'progress', 'delegate']);
    const delegated = (event_kind === 'delegate') === chance(0.95) ? { agent: 'a', job_id: child.job_id } : null;
    return { kind: 'JOB_EVENT', ...child, event_kind, digest: '', delegated };
  }

  const MAKERS: readonly (readonly [number, () => ChainEvent | null])[] = [
    [1, () => created(artifact(null))],
    [6, () => delegated(pick(made))],
    [1, enrolled],
    [1, () => ({ kind: 'REVOCATION', artifact_hash: any(), reason: 'soup', by: chance(0.5) ? null : any() })],
    [1, () => ({ kind: 'EXPIRY', artifact_hash: any() })],
    [1, () => ({ kind: 'REFUSAL', code: 'TIMEOUT', artifact_hash: any(), binding: 'process', tool: 'x' })],
    [4, decided],
    [
      2,
      () => ({
        kind: 'TRIGGER',
        artifact_hash: any(),
        trigger: pick([...ALL_TRIGGERS, 'RESUME', 'RESUME']),
        cause: 'x',
      }),
    ],
    [5, spending],
    [4, settled],
    [3, accepted],
    [4, job],
  ];
  const bowl = MAKERS.flatMap(([often, make]) => Array.from({ length: often }, () => make));

  const entries = [genesis, at(time, created(artifact(null)))];
  while (entries.length <= length) {
    time += 1000 * pick(SECONDS);
    const event = pick(bowl)();
    if (event) entries.push(at(time, event));
  }
  return entries;

  function created({ hash, artifact: own }: Sealed): ChainEvent {
    return { kind: 'ARTIFACT_CREATED', artifact_hash: hash, artifact: own as unknown as Json, request: null };
  }

  function delegated(parent: Sealed): ChainEvent {
    const { hash, artifact: own } = artifact(parent);
    return {
      kind: 'DELEGATION',
      sub_agent_id: own.subject,
      parent_artifact_hash: parent.hash,
      child_artifact_hash: hash,
      effective_ttl: Math.floor((Date.parse(own.expires_at) - Date.parse(own.issued_at)) / 1000),
      permitted_tools: own.scope.permissions['tool.call']!,
      purpose: own.purpose,
      artifact: own as unknown as Json,
      scope_reduction: { ...reduction(own.scope, parent.artifact.scope) },
      enroll: chance(0.7),
      request: null,
    };
  }

  function enrolled(): ChainEvent {
    const [artifact_hash, key] = [any(), pick(HOLDERS)];
    const token_id = agentId(artifact_hash);
    const proof = proveHolder(token_id, chance(0.95) ? key : pick(HOLDERS));
    return { kind: 'ENROLLMENT', artifact_hash, token_id, holder: toDidKey(key.publicKey), proof };
  }

  function decided(): ChainEvent {
    const [artifact_hash, permit] = [any(), chance(0.6)];
    const line = lineOf(artifact_hash);
    const code = pick(['ARTIFACT_REVOKED', 'LEASE_EXPIRED', 'SUSPENDED', 'LIMIT_EXCEEDED', 'PERMISSION_DENIED']);
    return {
      kind: 'DECISION',
      artifact_hash,
      verdict: permit ? 'permit' : 'refuse',
      code: permit ? null : code,
      refused_by: permit || line.length === 0 ? null : pick(line).hash,
      capability: pick(['tool.call', 'tool.call', 'net.fetch', 'mcp.prompt', 'cost.budget', 'x']),
      tool: chance(0.9) ? pick(['fs/read', 'fs/read', 'c/d', 'fs/read/']) : null,
      arguments_digest: '',
      request_id: null,
      binding: pick([...BINDINGS, 'operator', 'proof']),
      mode: 'enforce',
    };
  }

  function spending(): ChainEvent {
    const artifact_hash = any();
    const ends = lineOf(artifact_hash).map((each) => Date.parse(each.artifact.expires_at));
    const id = String(reserved.length).padStart(22, '0');
    reserved.push({ id, by: artifact_hash, amounts: amounts() });
    return {
      kind: 'SPEND_RESERVED',
      artifact_hash,
      reservation_id: chance(0.97) ? id : reserved[0]!.id,
      amounts: reserved.at(-1)!.amounts,
      expires_at: formatInstant(Math.min(time + 900_000, ...(chance(0.97) ? ends : []))),
      remaining: remaining(artifact_hash),
      request: null,
    };
  }

  function settled(): ChainEvent | null {
    if (reserved.length === 0) return null;
    const { id, by, amounts: held } = pick(reserved);
    const isReleased = chance(0.3);
    const spent = held.map((text) => (chance(0.5) ? text : `${text.slice(0, 3)}:0.25`));
    const below = made.filter(({ hash }) => lineOf(hash).some((each) => each.hash === by));
    return {
      kind: 'SPEND_SETTLED',
      artifact_hash: chance(0.97) ? by : any(),
      reservation_id: id,
      by: below.length > 0 && chance(0.9) ? pick(below).hash : any(),
      outcome: isReleased ? 'released' : 'settled',
      amounts: isReleased ? [] : spent,
      remaining: remaining(by),
      request: null,
    };
  }

  function accepted(): ChainEvent | null {
    const child = pick(made);
    if (child.artifact.parent === null) return null;
    jobs.push({ hash: child.hash, next: 2 });
    return {
      kind: 'JOB_ACCEPTED',
      job_id: agentId(child.hash),
      agent: chance(0.95) ? child.artifact.subject : 'other',
      artifact_hash: chance(0.97) ? child.artifact.parent : any(),
      child_artifact_hash: child.hash,
      input_digest: STRANGE,
      supervisor: 'soup',
      traceparent: null,
      request: null,
    };
  }
}
