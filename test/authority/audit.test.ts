/** Attacks on a real chain, each with the exact list of what an audit finds and where. */
import { beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { open, type Sealed } from '../../src/artifact/artifact.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { fromHex } from '../../src/base/encoding.ts';
import { signCheckpoint } from '../../src/chain/checkpoint.ts';
import type { Entry } from '../../src/chain/entry.ts';
import type { Row } from '../../src/ports.ts';
import { as, KEYS, kernel, ORIGIN, refusal, START, seed } from '../kernel.ts';
import {
  audited,
  type Chain,
  chainOf,
  edited,
  entriesOf,
  faults,
  forged,
  headOver,
  likeThose,
  at as put,
  rebuilt,
  rehashed,
  scope,
} from './forge.ts';

/**
 * 0 genesis · 1 root · 2 lead (may have 2 children, lives 600 s) · 3 worker of lead · 4 other, of the root ·
 * 5 a refusal · 6 other is revoked · 7 idle, of the root. One second between entries.
 */
let chain: Chain;
let entries: Entry[];
let other: Chain;
let like: ReturnType<typeof likeThose>;
let sealed: { root: Sealed; lead: Sealed; worker: Sealed; other: Sealed };
const SIZE = 8;
const END = START + SIZE * 1000;

async function history(): Promise<Chain> {
  const { call, clock, store } = kernel();
  const next: typeof call = async (name, input, caller) => {
    clock.now += 1000;
    return call(name, input, caller);
  };
  await next('aga_create_artifact', { permitted_tools: ['files/**', 'search/*'] });
  const lead = await next('aga_delegate_to_subagent', {
    sub_agent_id: 'lead',
    permissions: { 'tool.call': ['files/**'], 'agent.delegate': ['*'] },
    ttl_seconds: 600,
    max_children: 2,
  });
  await next('aga_delegate_to_subagent', { permitted_tools: ['files/read'] }, as(lead.child_artifact_hash));
  const gone = await next('aga_delegate_to_subagent', {
    sub_agent_id: 'other',
    permissions: { 'tool.call': ['search/*'], 'agent.delegate': ['*'] },
  });
  await refusal(next('aga_delegate_to_subagent', { permitted_tools: ['mail/*'] }));
  await next('aga_revoke_artifact', { artifact_hash: gone.child_artifact_hash, reason: 'done' });
  await next('aga_delegate_to_subagent', { sub_agent_id: 'idle' });
  return chainOf(store);
}

beforeAll(async () => {
  chain = await history();
  other = await history();
  entries = entriesOf(chain);
  like = likeThose(entries);
  const artifactAt = (at: number): Sealed => open(entries[at]!.event.artifact!);
  sealed = { root: artifactAt(1), lead: artifactAt(2), worker: artifactAt(3), other: artifactAt(4) };
});

const withRows = (change: (rows: Row[]) => Row[]): Chain => ({ rows: change([...chain.rows]), head: chain.head });
const withEntries = (change: (list: Entry[]) => Entry[]): Chain => rebuilt(change(structuredClone(entries)));
const appended = (...more: Entry[]): Chain => rebuilt([...entries, ...more]);
const replaced = (at: number, by: (row: Row) => Row): Chain =>
  withRows((rows) => rows.map((row, index) => (index === at ? by(row) : row)));
const lateBy = (ms: number): number => END + ms;

it('finds nothing on an honest chain, and counts what it judged', async () => {
  expect(await audited(chain)).toEqual({ findings: [], entries_checked: SIZE, signatures_checked: 7 });
  expect(rebuilt(entries)).toEqual(chain);
  expect(await faults(chain, { origin: ORIGIN, remembered: chain.head!.checkpoint })).toEqual([]);
});

describe('someone who can write to the database', () => {
  const attacks: readonly (readonly [string, () => Chain, readonly string[]])[] = [
    [
      'changes a payload',
      () => replaced(6, (row) => edited(row, { event: { reason: 'other' } })),
      ['6 entry_hash', '7 previous_hash', '* root'],
    ],
    [
      'changes a payload and its hash',
      () => replaced(6, (row) => rehashed(edited(row, { event: { reason: 'other' } }))),
      ['7 previous_hash', '* root'],
    ],
    [
      'changes what a delegation says of its artifact',
      () => replaced(2, (row) => edited(row, { event: { purpose: 'other' } })),
      ['2 form', '2 entry_hash', '3 previous_hash', '3 law.ARTIFACT_NOT_FOUND', '* root'],
    ],
    [
      'changes the last payload, all hashes and links',
      () => ({
        ...rebuilt([...entries.slice(0, -1), { ...entries[7]!, timestamp: entries[6]!.timestamp }]),
        head: chain.head,
      }),
      ['* head', '* root'],
    ],
    [
      'swaps two entries',
      () => withRows((rows) => [...rows.slice(0, 5), rows[6]!, rows[5]!, rows[7]!]),
      [
        '6 sequence_number',
        '6 previous_hash',
        '5 sequence_number',
        '5 previous_hash',
        '5 timestamp',
        '7 sequence_number',
        '7 previous_hash',
        '* root',
      ],
    ],
    [
      'removes an entry',
      () => withRows((rows) => rows.filter((_, at) => at !== 6)),
      ['7 sequence_number', '7 previous_hash', '* head', '* root'],
    ],
    [
      'removes an entry that others rest on',
      () => withRows((rows) => rows.filter((_, at) => at !== 2)),
      ['3 sequence_number', '3 previous_hash', '3 law.ARTIFACT_NOT_FOUND', '* head', '* root'],
    ],
    [
      'adds an entry',
      () => ({ ...rebuilt([...entries, refusedAt(lateBy(0))]), head: chain.head }),
      ['* head', '* head', '* root'],
    ],
    [
      'adds an entry in the middle',
      () =>
        withRows((rows) => [
          ...rows.slice(0, 3),
          rebuilt([...entries.slice(0, 3), refusedAt(START + 3000)]).rows[3]!,
          ...rows.slice(3),
        ]),
      ['3 sequence_number', '3 previous_hash', '* head', '* root'],
    ],
    [
      'repeats an entry',
      () => withRows((rows) => [...rows.slice(0, 4), rows[3]!, ...rows.slice(4)]),
      ['3 sequence_number', '3 previous_hash', '3 law.INVALID_REQUEST', '* head', '* root'],
    ],
    ['cuts the tail', () => withRows((rows) => rows.slice(0, 6)), ['* head', '* head', '* root']],
    [
      'cuts the tail and writes the head to fit, without the key',
      () => {
        const cut = rebuilt(entries.slice(0, 6));
        return { ...cut, head: { ...cut.head!, checkpoint: chain.head!.checkpoint } };
      },
      ['* root'],
    ],
    [
      'cuts the head',
      () => withRows((rows) => rows.slice(6)),
      [
        '6 sequence_number',
        '6 previous_hash',
        '6 law.INVALID_REQUEST',
        '7 law.INVALID_REQUEST',
        '* authority',
        '* head',
        '* checkpoint',
      ],
    ],
    ['removes everything', () => ({ rows: [], head: null }), ['* authority']],
    [
      'removes the entries',
      () => ({ rows: [], head: chain.head }),
      ['* authority', '* head', '* head', '* checkpoint'],
    ],
    ['removes the head', () => ({ rows: chain.rows, head: null }), ['* head']],
    [
      'writes an entry in another order of its members',
      () =>
        replaced(5, (row) => {
          const { type, ...rest } = JSON.parse(row.entry);
          return rehashed({ ...row, entry: JSON.stringify({ type, ...rest }) });
        }),
      ['5 form', '6 previous_hash', '* root'],
    ],
    [
      'writes an entry with a member twice',
      () => replaced(5, (row) => ({ ...row, entry: row.entry.replace('{', '{"chain":"x",') })),
      ['5 form', '5 entry_hash', '6 previous_hash', '* root'],
    ],
    [
      'writes an entry that is no JSON',
      () => replaced(5, (row) => ({ ...row, entry: `${row.entry}}` })),
      ['5 form', '5 entry_hash', '6 previous_hash', '* root'],
    ],
    [
      'puts an entry of another chain in',
      () => replaced(5, () => rehashed(edited(other.rows[5]!, { chain: 'aga-delegate/other' }))),
      ['5 previous_hash', '5 chain', '6 previous_hash', '* root'],
    ],
    [
      'changes the number under which an entry is stored',
      () => replaced(7, (row) => ({ ...row, sequence_number: 70 })),
      ['70 sequence_number'],
    ],
    [
      'changes the kind under which an entry is found',
      () => replaced(6, (row) => ({ ...row, kind: 'DECISION' })),
      ['6 kind'],
    ],
    [
      'signs the head with another log key',
      () => ({ ...chain, head: headOver(chain.rows, signer(seed('stranger'))) }),
      ['* checkpoint'],
    ],
    [
      'puts an older checkpoint of the same log',
      () => ({ ...chain, head: { ...chain.head!, checkpoint: headOver(chain.rows.slice(0, 5)).checkpoint } }),
      ['* root'],
    ],
    [
      'puts a checkpoint of another root',
      () => ({ ...chain, head: { ...chain.head!, checkpoint: other.head!.checkpoint } }),
      ['* root'],
    ],
    [
      'puts a checkpoint of another log name',
      () => ({ ...chain, head: headOver(chain.rows, KEYS.log, 'aga-delegate/other') }),
      ['* checkpoint'],
    ],
    [
      'breaks the checkpoint',
      () => ({ ...chain, head: { ...chain.head!, checkpoint: chain.head!.checkpoint.replace('\n8\n', '\n9\n') } }),
      ['* checkpoint'],
    ],
    [
      'names another last entry',
      () => ({ ...chain, head: { ...chain.head!, entry_hash: 'f'.repeat(64) } }),
      ['* head'],
    ],
  ];

  it.each(attacks)('%s', async (_, attack, expected) => {
    expect(await faults(attack())).toEqual(expected);
  });
});

describe('the owner of the log, who signs a new head over', () => {
  it('a cut tail, is held against a checkpoint that somebody kept', async () => {
    const cut = rebuilt(entries.slice(0, 6));
    expect(await faults(cut)).toEqual([]);
    expect(await faults(cut, { remembered: chain.head!.checkpoint })).toEqual(['* remembered']);
    expect(await faults({ rows: [], head: null }, { remembered: chain.head!.checkpoint })).toEqual([
      '* authority',
      '* remembered',
    ]);
  });

  it('another past, is held against a checkpoint that somebody kept', async () => {
    expect(await faults(other)).toEqual([]);
    for (const size of [3, 5, SIZE]) {
      const { checkpoint } = headOver(chain.rows.slice(0, size));
      expect(await faults(other, { remembered: checkpoint })).toEqual(['* remembered']);
      expect(await faults(chain, { remembered: checkpoint })).toEqual([]);
    }
  });

  it('the same chain, is not disturbed by what is no checkpoint of it, which is said', async () => {
    const foreign = signCheckpoint(ORIGIN, 1, new Uint8Array(32), signer(seed('stranger')));
    expect(await faults(chain, { remembered: foreign })).toEqual(['* remembered']);
    expect(await faults(chain, { remembered: 'nonsense' })).toEqual(['* remembered']);
  });

  it('entries with the time going backwards', async () => {
    const back = withEntries((list) => {
      list[7] = { ...list[7]!, timestamp: list[2]!.timestamp };
      return list;
    });
    expect(await faults(back)).toEqual(['7 timestamp']);
  });

  it('entries of another chain', async () => {
    const mixed = withEntries((list) => [...list, { ...refusedAt(lateBy(0)), chain: 'aga-delegate/other' }]);
    expect(await faults(mixed)).toEqual(['8 chain']);
    expect(await faults(chain, { origin: 'aga-delegate/other' })).toEqual(
      Array.from({ length: SIZE }, (_, at) => `${at} chain`),
    );
  });

  it('an event of a kind that nobody knows', async () => {
    expect(await faults(appended(put(END, { kind: 'COUP' })))).toEqual(['8 form']);
    expect(await faults(appended(like.again('REFUSAL', END, { code: 'NONE' })))).toEqual(['8 form']);
  });

  it('a second genesis, which changes nothing', async () => {
    const usurper = signer(seed('usurper'));
    expect(await faults(appended({ ...entries[0]!, timestamp: formatEnd() }))).toEqual(['8 law.INVALID_REQUEST']);
    const forgedRoot = forged(sealed.root, { parent: null, depth: 0, authority: toDidKey(usurper.publicKey) }, usurper);
    const created = like.created(forgedRoot, END);
    expect(await faults(appended({ ...entries[0]!, timestamp: formatEnd() }, created))).toEqual([
      '8 law.INVALID_REQUEST',
      '9 law.INVALID_REQUEST',
    ]);
  });

  it('no genesis at all', async () => {
    expect(await faults(rebuilt(entries.slice(1, 3)))).toEqual([
      '0 law.INVALID_REQUEST',
      '1 law.INVALID_REQUEST',
      '* authority',
      '* checkpoint',
    ]);
  });

  it('a genesis that the authority did not sign', async () => {
    const log_key = String(entries[0]!.event.log_key).replace(/^[^+]+/, ORIGIN);
    const unsigned = withEntries((list) => {
      list[0] = { ...list[0]!, event: { ...list[0]!.event, log_key, signature: 'A'.repeat(86) } };
      return list;
    });
    expect(await faults(unsigned)).toEqual(['0 law.INVALID_REQUEST']);
  });
});

const formatEnd = (): string => new Date(END).toISOString();
const refusedAt = (time: number): Entry => like.again('REFUSAL', time);

describe('the authority itself, who signs', () => {
  const grant = (child: Sealed, parent: Sealed, time = END): Chain => appended(like.delegated(child, parent, time));

  it('an expansion', async () => {
    const { root, worker } = sealed;
    const wide = forged(root, { scope: scope({ 'tool.call': ['**'] }) });
    expect(await faults(grant(wide, root))).toEqual(['8 law.LEASE_SUBSET_VIOLATION']);
    const spends = forged(root, { scope: scope({ 'cost.budget': ['USD:1'] }) });
    expect(await faults(grant(spends, root))).toEqual(['8 law.LEASE_SUBSET_VIOLATION']);
    const dutiful = forged(root, { scope: scope({}, { enforcement_triggers: ['ALERT_ONLY', 'TERMINATE'] }) });
    expect(await faults(grant(dutiful, root))).toEqual(['8 law.LEASE_SUBSET_VIOLATION']);
    // The worker has no right to delegate at all.
    expect(await faults(grant(forged(worker, {}), worker))).toEqual(['8 law.PERMISSION_DENIED']);
  });

  it('what was built on an expansion is judged too', async () => {
    const wide = forged(sealed.root, {
      scope: scope({ 'tool.call': ['**'], 'agent.delegate': ['*'] }),
      delegation: { max_depth: 2, max_children: 1 },
    });
    const below = forged(wide, { scope: scope({ 'tool.call': ['mail/send'] }) });
    const wider = forged(wide, { scope: scope({ 'net.fetch': ['**'] }) });
    const built = [below, wider].map((child) => like.delegated(child, wide, END));
    expect(await faults(appended(like.delegated(wide, sealed.root, END), ...built))).toEqual([
      '8 law.LEASE_SUBSET_VIOLATION',
      '10 law.LEASE_SUBSET_VIOLATION',
    ]);
  });

  it('a child of a revoked parent, and of one below it', async () => {
    const child = forged(sealed.other, { scope: scope({ 'tool.call': ['search/web'] }) });
    expect(await faults(grant(child, sealed.other))).toEqual(['8 law.ARTIFACT_REVOKED']);
    const revoked = like.again('REVOCATION', END, { artifact_hash: sealed.root.hash });
    const below = like.delegated(forged(sealed.lead, {}), sealed.lead, END);
    expect(await faults(appended(revoked, below))).toEqual(['9 law.ARTIFACT_REVOKED']);
  });

  it('a child of an expired parent', async () => {
    expect(await faults(grant(forged(sealed.lead, {}), sealed.lead, START + 602_000))).toEqual(['8 law.LEASE_EXPIRED']);
    // Long after, the parent is forgotten.
    expect(await faults(grant(forged(sealed.lead, {}), sealed.lead, START + 3_000_000))).toEqual([
      '8 law.ARTIFACT_NOT_FOUND',
    ]);
  });

  it('a child that outlives its parent, was never alive, or is of tomorrow', async () => {
    const { root, lead } = sealed;
    const immortal = forged(lead, { expires_at: root.artifact.expires_at });
    expect(await faults(grant(immortal, lead))).toEqual(['8 law.LEASE_SUBSET_VIOLATION']);
    const dead = forged(lead, { expires_at: new Date(START + 1).toISOString() });
    expect(await faults(grant(dead, lead))).toEqual(['8 law.LEASE_EXPIRED']);
    const late = forged(root, { issued_at: new Date(END + 600_000).toISOString() });
    expect(await faults(grant(late, root))).toEqual(['8 law.INVALID_REQUEST']);
  });

  it('more children than the parent may have', async () => {
    const [one, two] = [forged(sealed.lead, {}), forged(sealed.lead, {})];
    const events = [one, two].map((child) => like.delegated(child, sealed.lead, END));
    expect(await faults(appended(...events))).toEqual(['9 law.FANOUT_EXCEEDED']);
  });

  it('a child deeper than its parent allows', async () => {
    const deep = forged(sealed.lead, { delegation: { max_depth: 2, max_children: 1 } });
    expect(await faults(grant(deep, sealed.lead))).toEqual(['8 law.DEPTH_EXCEEDED']);
  });

  it('a child with a weaker binding than its parent asks for', async () => {
    const strict = forged(sealed.root, {
      scope: scope({ 'tool.call': ['files/read'], 'agent.delegate': ['*'] }),
      delegation: { max_depth: 1, max_children: 1 },
      terms: { preset: null, min_binding: 'proof', budget_mode: null },
    });
    const weak = forged(strict, {});
    const events = [like.delegated(strict, sealed.root, END), like.delegated(weak, strict, END)];
    expect(await faults(appended(...events))).toEqual(['9 law.LEASE_SUBSET_VIOLATION']);
  });

  it('an untrue scope_reduction', async () => {
    const child = forged(sealed.root, {});
    const event = like.delegated(child, sealed.root, END);
    const silent = { ...event, event: { ...event.event, scope_reduction: emptyReduction } };
    expect(await faults(appended(silent))).toEqual(['8 law.INVALID_REQUEST']);
  });

  it('an artifact that names another depth, parent or authority', async () => {
    const { root, lead } = sealed;
    expect(await faults(grant(forged(lead, { depth: 1 }), lead))).toEqual(['8 law.INVALID_REQUEST']);
    expect(await faults(grant(forged(lead, { authority: toDidKey(KEYS.log.publicKey) }), lead))).toEqual([
      '8 law.INVALID_REQUEST',
    ]);
    const rootless = forged(root, { parent: null });
    expect(await faults(appended(like.created(rootless, END)))).toEqual(['8 law.INVALID_REQUEST']);
  });

  it('the same artifact twice', async () => {
    expect(await faults(grant(sealed.lead, sealed.root))).toEqual(['8 law.INVALID_REQUEST']);
  });

  it('a revocation by a stranger, of nothing, or twice', async () => {
    const { lead, worker, other } = sealed;
    const revoke = (artifact_hash: string, by: string | null): Entry =>
      like.again('REVOCATION', END, { artifact_hash, by });
    expect(await faults(appended(revoke(worker.hash, lead.hash)))).toEqual([]);
    expect(await faults(appended(revoke(lead.hash, worker.hash)))).toEqual(['8 law.ARTIFACT_NOT_FOUND']);
    expect(await faults(appended(revoke('f'.repeat(64), null)))).toEqual(['8 law.ARTIFACT_NOT_FOUND']);
    expect(await faults(appended(revoke(other.hash, null)))).toEqual(['8 law.ARTIFACT_REVOKED']);
    expect(await faults(appended(revoke(other.hash, other.hash)))).toEqual(['8 law.ARTIFACT_REVOKED']);
  });
});

describe('a stranger', () => {
  it('cannot sign a grant, nor can the child of one', async () => {
    const stranger = signer(seed('stranger'));
    const child = forged(sealed.root, {}, stranger);
    expect(await faults(appended(like.delegated(child, sealed.root, END)))).toEqual(['8 law.INVALID_REQUEST']);
    const held = forged(sealed.root, {
      holder: toDidKey(stranger.publicKey),
      scope: scope({ 'tool.call': ['files/*'], 'agent.delegate': ['*'] }),
      delegation: { max_depth: 1, max_children: 2 },
    });
    const good = forged(held, {}, stranger);
    const events = [like.delegated(held, sealed.root, END), like.delegated(good, held, END)];
    // The holder that an artifact names is the one other key that may sign below it.
    expect(await faults(appended(...events))).toEqual([]);
    expect(await faults(appended(like.delegated(forged(sealed.lead, {}, stranger), sealed.lead, END)))).toEqual([
      '8 law.INVALID_REQUEST',
    ]);
  });

  it('cannot change a signed artifact', async () => {
    const event = like.delegated(forged(sealed.root, {}), sealed.root, END);
    const artifact = event.event.artifact as Record<string, never>;
    const stretched = open({ ...artifact, nonce: 'A'.repeat(22) });
    expect(await faults(appended(like.delegated(stretched, sealed.root, END)))).toEqual(['8 law.INVALID_REQUEST']);
  });

  it('cannot pass a chain of his own for that of the trusted authority', async () => {
    const keys = { authority: signer(seed('his')), log: signer(seed('his log')) };
    const { call, store } = kernel({ keys });
    await call('aga_create_artifact', {});
    await call('aga_delegate_to_subagent', {});
    const his = await chainOf(store);
    expect(await faults(his, { authority: toDidKey(keys.authority.publicKey) })).toEqual([]);
    expect(await faults(his)).toEqual(['0 authority']);
  });
});

const emptyReduction = {
  tools_removed: [],
  permissions_removed: [],
  triggers_removed: [],
  measurement_types_removed: [],
};

it('never believes a hash because it is written down: every single changed byte of a chain is found', async () => {
  for (const [at, row] of chain.rows.entries()) {
    for (let position = 0; position < row.entry.length; position += 41) {
      const code = row.entry.charCodeAt(position);
      const entry = `${row.entry.slice(0, position)}${String.fromCharCode(code ^ 1)}${row.entry.slice(position + 1)}`;
      const found = await faults(replaced(at, (each) => ({ ...each, entry })));
      expect(found).toContain(`${at} entry_hash`);
    }
  }
  expect(fromHex(chain.rows[0]!.entry_hash)).toHaveLength(32);
});
