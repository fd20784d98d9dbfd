/** Attacks by whoever holds the keys: things that happened, and were recorded, although the law forbids them. */

import { sha256Hex } from '#digest';
import { signer } from '#ed25519';
import type { Draft, Sealed } from '../../../src/artifact/artifact.ts';
import { agentId, proveHolder } from '../../../src/artifact/enrolment.ts';
import { canonicalize, type Json } from '../../../src/base/canonical.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { formatInstant } from '../../../src/base/instant.ts';
import type { Entry } from '../../../src/chain/entry.ts';
import { at, forged, scope } from '../../authority/forge.ts';
import { START, seed } from '../../kernel.ts';
import type { Case, Expected } from './case.ts';
import { bundle } from './chain.ts';
import { root, type Stage, withEvent } from './delegation.ts';

const OTHER = signer(seed('other holder'));
type Members = { readonly [name: string]: Json };

const decision = (artifact_hash: string, changes: Members = {}): { kind: string; [name: string]: Json } => ({
  kind: 'DECISION',
  artifact_hash,
  verdict: 'permit',
  code: null,
  refused_by: null,
  capability: 'tool.call',
  tool: 'fs/read',
  arguments_digest: '',
  request_id: 1,
  binding: 'process',
  mode: 'enforce',
  ...changes,
});
const refused = (artifact_hash: string, code: string, refused_by: string | null, changes: Members = {}) =>
  decision(artifact_hash, { verdict: 'refuse', code, refused_by, ...changes });
const digest = (given: Json): string => sha256Hex(canonicalize(given));

export async function actForgeries({ begun, boss, lead, worker, scene, time, like }: Stage): Promise<Case[]> {
  const { sibling } = scene;
  type Event = { readonly kind: string; readonly [name: string]: Json };
  /** Entries 7, 8, … a second apart. */
  const on = (first: readonly Entry[], events: readonly Event[]): Promise<string> =>
    bundle([...first, ...events.map((event, i) => at(time(i + 1), event))], {
      first: 0,
      last: first.length + events.length - 1,
    });
  const act = async (name: string, about: string, events: readonly Event[], expected?: Expected): Promise<Case> => ({
    name,
    about,
    bytes: await on(begun, events),
    ...(expected && { expected }),
  });
  const broke = (...conduct: string[]): Expected => ({ conduct });
  const revocation = (artifact_hash: string, by: string | null = null) => ({
    kind: 'REVOCATION',
    artifact_hash,
    reason: 'x',
    by,
  });
  const trigger = (artifact_hash: string, name: string) => ({
    kind: 'TRIGGER',
    artifact_hash,
    trigger: name,
    cause: 'x',
  });
  const measured = (changes: Members): Event => ({
    kind: 'MEASUREMENT',
    artifact_hash: worker.hash,
    measurement_type: 'CONFIG_MANIFEST',
    subject: 'fs',
    digest: digest('one'),
    pinned: digest('one'),
    drift: false,
    measured: true,
    ...changes,
  });
  const enrolment = (artifact_hash: string, changes: Members = {}): Event => ({
    kind: 'ENROLLMENT',
    artifact_hash,
    token_id: agentId(artifact_hash),
    holder: toDidKey(OTHER.publicKey),
    proof: proveHolder(agentId(artifact_hash), OTHER),
    ...changes,
  });
  const given = { path: '/etc/passwd' };
  const write = decision(worker.hash, { tool: 'fs/write', arguments_digest: digest(given) });
  const shy = root({ terms: { preset: null, min_binding: 'process', budget_mode: null } });
  const alone = root({ scope: scope({ 'net.fetch': ['**'] }, { enforcement_triggers: ['NETWORK_ISOLATE'] }) });
  const refusal = {
    kind: 'REFUSAL',
    code: 'PERMISSION_DENIED',
    artifact_hash: worker.hash,
    binding: 'process',
    tool: 'x',
  };
  return [
    await act('good-acts', 'Calls that were permitted and refused as they should be.', [
      decision(worker.hash),
      refused(worker.hash, 'PERMISSION_DENIED', worker.hash, { tool: 'web/get' }),
      refused(worker.hash, 'PERMISSION_DENIED', boss.hash, { tool: 'shell/run' }),
      write,
      decision(lead.hash, { tool: 'web/get', arguments_digest: digest({ url: 'x' }) }),
      enrolmentRefused(lead.hash),
    ]),
    await act(
      'permit-after-revocation',
      'A call was permitted after the lineage had ended.',
      [revocation(boss.hash), decision(worker.hash)],
      broke('8 law.ARTIFACT_REVOKED'),
    ),
    {
      name: 'permit-after-expiry',
      about: 'A call was permitted after the artifact had expired.',
      bytes: await bundle([...begun, at(time(600), decision(worker.hash))], { first: 0, last: 7 }),
      expected: broke('7 law.LEASE_EXPIRED'),
    },
    await act(
      'permit-of-another-tool',
      'A tool that was not granted.',
      [decision(worker.hash, { tool: 'web/get' })],
      broke('7 law.PERMISSION_DENIED'),
    ),
    await act(
      'permit-of-no-tool',
      'The name of the tool is none.',
      [decision(worker.hash, { tool: 'fs//read' })],
      broke('7 law.INVALID_REQUEST'),
    ),
    await act(
      'permit-over-the-limit',
      'One call too many, counted over the subtree.',
      [...Array(6).fill(decision(worker.hash)), decision(lead.hash)],
      broke('13 law.LIMIT_EXCEEDED'),
    ),
    await act(
      'permit-while-suspended',
      'A call was permitted in quarantine.',
      [trigger(worker.hash, 'QUARANTINE'), decision(worker.hash)],
      broke('8 law.SUSPENDED'),
    ),
    await act('good-after-resuming', 'A call after the quarantine was lifted.', [
      trigger(worker.hash, 'QUARANTINE'),
      trigger(worker.hash, 'RESUME'),
      decision(worker.hash),
    ]),
    await act(
      'permit-without-artifact',
      'A call was permitted to somebody without an artifact.',
      [decision(worker.hash, { artifact_hash: null })],
      broke('7 law.ARTIFACT_NOT_FOUND'),
    ),
    await act(
      'permit-with-a-code',
      'A permit carries the code of a refusal.',
      [decision(worker.hash, { code: 'SUSPENDED' })],
      broke('7 law.INVALID_REQUEST'),
    ),
    {
      name: 'permit-of-a-weak-caller',
      about: 'The caller was known by less than the artifact asks for.',
      bytes: await on([...begun, like.created(shy, time(0))], [decision(shy.hash, { binding: 'bearer' })]),
      expected: broke('8 binding'),
    },
    {
      name: 'fetch-in-isolation',
      about: 'A fetch was permitted to a subtree that is isolated from the network.',
      bytes: await on(
        [...begun, like.created(alone, time(0))],
        [trigger(alone.hash, 'NETWORK_ISOLATE'), decision(alone.hash, { capability: 'net.fetch', tool: null })],
      ),
      expected: broke('9 isolation'),
    },
    {
      ...(await act(
        'arguments-shown',
        'The arguments that a permit was given for are shown, and no rule permits them.',
        [write],
        broke('7 arguments'),
      )),
      asked: { arguments: [given] },
    },
    await act('good-arguments-hidden', 'The same, without the arguments: nobody can tell.', [write]),
    await act(
      'arguments-missing',
      'A call without the argument that a rule demands.',
      [decision(worker.hash, { tool: 'fs/write' })],
      broke('7 arguments'),
    ),
    await act(
      'refusal-without-an-end',
      'A call was refused as revoked, and nothing was.',
      [refused(worker.hash, 'ARTIFACT_REVOKED', boss.hash)],
      broke('7 refusal'),
    ),
    await act(
      'refusal-by-the-wrong-one',
      'The lead was revoked, and the refusal names the boss.',
      [revocation(lead.hash), refused(worker.hash, 'ARTIFACT_REVOKED', boss.hash)],
      broke('8 refusal'),
    ),
    await act(
      'refusal-with-allowance-left',
      'A call was refused as over a limit that was not reached.',
      [refused(worker.hash, 'LIMIT_EXCEEDED', lead.hash)],
      broke('7 refusal'),
    ),
    await act(
      'refusal-of-a-granted-tool',
      'A call without arguments was refused, and every artifact permits it.',
      [refused(lead.hash, 'PERMISSION_DENIED', lead.hash)],
      broke('7 refusal'),
    ),
    await act(
      'refusal-by-a-sibling',
      'A call was refused in the name of an artifact that is not of its lineage.',
      [refused(worker.hash, 'PERMISSION_DENIED', sibling, { tool: 'web/get' })],
      broke('7 refusal'),
    ),
    await act(
      'refusal-without-a-code',
      'A refusal has no code.',
      [refused(worker.hash, 'SUSPENDED', null, { code: null })],
      broke('7 law.INVALID_REQUEST'),
    ),
    {
      name: 'too-many-refusals',
      about: 'More refusals than the record may hold in a minute.',
      bytes: await bundle([...begun, ...Array.from({ length: 61 }, (_, i) => at(time(1 + i / 2), refusal))], {
        first: 0,
        last: 67,
      }),
      expected: broke('67 law.LIMIT_EXCEEDED'),
    },
    {
      name: 'enrolment-unproven',
      about: "The proof of the enrolment is another key's.",
      bytes: await bundle(
        begun.map((entry) =>
          entry.event.kind === 'ENROLLMENT'
            ? withEvent(entry, { proof: proveHolder(agentId(lead.hash), OTHER) })
            : entry,
        ),
        { first: 0, last: 6 },
      ),
      expected: { integrity: ['3 enrolment'] },
    },
    await act('enrolled-twice', 'A second key enrols.', [enrolment(lead.hash)], broke('7 law.TOKEN_USED')),
    await act(
      'enrolled-without-token',
      'A key enrols where no token was minted.',
      [enrolment(sibling)],
      broke('7 law.INVALID_REQUEST'),
    ),
    await act(
      'revoked-by-a-sibling',
      'An artifact revokes what is not below it.',
      [revocation(lead.hash, sibling)],
      broke('7 law.ARTIFACT_NOT_FOUND'),
    ),
    await act(
      'revoked-twice',
      'The same artifact is revoked twice.',
      [revocation(lead.hash), revocation(lead.hash)],
      broke('8 law.ARTIFACT_REVOKED'),
    ),
    await act(
      'expired-too-early',
      'An expiry is recorded before its time.',
      [{ kind: 'EXPIRY', artifact_hash: worker.hash }],
      broke('7 law.INVALID_REQUEST'),
    ),
    await act(
      'drift-denied',
      'The digest changed, and the entry says that it did not.',
      [measured({ digest: digest('two') })],
      broke('7 law.INVALID_REQUEST'),
    ),
    await act(
      'pin-moved',
      'The expected digest is another one the second time.',
      [measured({}), measured({ digest: digest('two'), pinned: digest('two') })],
      broke('8 law.INVALID_REQUEST'),
    ),
    await act(
      'trigger-without-duty',
      'A trigger fires that is no duty of the lineage.',
      [trigger(worker.hash, 'TERMINATE')],
      broke('7 law.INVALID_REQUEST'),
    ),
    await act('second-genesis', 'A genesis stands in the middle.', [begun[0]!.event], broke('7 law.INVALID_REQUEST')),
    {
      name: 'time-goes-back',
      about: 'An entry is older than the one before it.',
      bytes: await bundle([...begun, at(START, decision(worker.hash))], { first: 0, last: 7 }),
      expected: { integrity: ['7 timestamp'] },
    },
    {
      name: 'good-run',
      about: 'The last entries only, and what bears on them.',
      bytes: await bundle(
        [...begun, at(time(1), decision(worker.hash)), at(time(2), refused(worker.hash, 'LIMIT_EXCEEDED', lead.hash))],
        { first: 7, last: 8 },
      ),
    },
    {
      name: 'good-unicode',
      about: 'Names and reasons in many scripts.',
      bytes: await bundle(
        [
          ...begun,
          like.delegated(
            forged(lead, {
              subject: 'ヘルパー',
              purpose: 'résumé — 總結 \u{1f600}',
              scope: scope({ 'tool.call': ['fs/é*'] }),
            }),
            lead,
            time(1),
          ),
          at(time(2), { ...revocation(worker.hash), reason: 'готово "\\' }),
        ],
        { artifact_hash: lead.hash },
      ),
    },
  ];

  function enrolmentRefused(artifact_hash: string): Event {
    return { kind: 'REFUSAL', code: 'TOKEN_USED', artifact_hash, binding: 'bearer', tool: 'enroll' };
  }
}

/** Money and jobs: what continues over several entries. */
export async function courseForgeries({ begun, time, like }: Stage): Promise<Case[]> {
  const rich = root({
    scope: scope({ 'tool.call': ['fs/*'], 'agent.delegate': ['*'], 'cost.budget': ['EUR:3', 'USD:1.5'] }),
  });
  const first = [...begun, like.created(rich, time(0))];
  const id = (name: string): string => `${name}AAAAAAAAAAAAAAAAAAAAAA`.slice(0, 22);
  const level = (amounts: readonly string[], depth = 0, hash = rich.hash) => ({ artifact_hash: hash, depth, amounts });
  const reserve = (
    seconds: number,
    amounts: readonly string[],
    left: readonly string[],
    changes: Members = {},
  ): Entry =>
    at(time(seconds), {
      kind: 'SPEND_RESERVED',
      artifact_hash: rich.hash,
      reservation_id: id('one'),
      amounts,
      expires_at: formatInstant(time(seconds) + 900_000),
      remaining: [level(left)],
      request: null,
      ...changes,
    });
  const settle = (seconds: number, amounts: readonly string[], left: readonly string[], changes: Members = {}): Entry =>
    at(time(seconds), {
      kind: 'SPEND_SETTLED',
      artifact_hash: rich.hash,
      reservation_id: id('one'),
      by: rich.hash,
      outcome: 'settled',
      amounts,
      remaining: [level(left)],
      request: null,
      ...changes,
    });
  const slice = (seconds: number, budget: string): Entry =>
    like.delegated(
      forged(rich, {
        nonce: `slice${budget.replace(/\W/g, '')}${seconds}AAAAAAAAAAAAAAAA`.slice(0, 21).concat('A'),
        scope: scope({ 'tool.call': ['fs/read'], 'cost.budget': [budget] }),
        terms: { preset: null, min_binding: 'handle', budget_mode: 'slice' },
      }),
      rich,
      time(seconds),
    );
  const lower = (parent: Sealed, name: string, budget: { 'cost.budget'?: string[] }, more: Partial<Draft> = {}) =>
    forged(parent, {
      nonce: `${name}AAAAAAAAAAAAAAAAAAAAAA`.slice(0, 21).concat('A'),
      scope: scope({ 'tool.call': ['fs/read'], 'agent.delegate': ['*'], ...budget }),
      delegation: { max_depth: Math.max(0, parent.artifact.delegation.max_depth - 1), max_children: 32 },
      ...more,
    });
  const empty = lower(rich, 'empty', {}, { terms: { preset: null, min_binding: 'handle', budget_mode: 'slice' } });
  const deep = root({
    scope: rich.artifact.scope,
    nonce: 'deepdeepdeepdeepdeepdA',
    delegation: { max_depth: 4, max_children: 32 },
  });
  const foreign = lower(deep, 'foreign', { 'cost.budget': ['CHF:1'] });
  const below = lower(foreign, 'below', {});
  const last = lower(below, 'last', { 'cost.budget': ['CHF:1'] });
  const boss = root({
    scope: scope({ 'tool.call': ['fs/*'], 'agent.delegate': ['*@*'] }),
    nonce: 'bossbossbossbossbossbA',
  });
  const agent = forged(boss, {
    subject: 'agent@1',
    scope: scope({ 'tool.call': ['fs/read'] }),
    nonce: 'agentagentagentagentaA',
  });
  const given = [...begun, like.created(boss, time(0)), like.delegated(agent, boss, time(0))];
  const job = (seconds: number, kind: string, members: Members): Entry =>
    at(time(seconds), { kind, job_id: agentId(agent.hash), child_artifact_hash: agent.hash, ...members });
  const accepted = (changes: Members = {}): Entry =>
    job(1, 'JOB_ACCEPTED', {
      agent: 'agent@1',
      artifact_hash: boss.hash,
      input_digest: digest('in'),
      supervisor: 'p1',
      traceparent: null,
      request: null,
      ...changes,
    });
  const happened = (seconds: number, event_number: number, event_kind = 'status'): Entry =>
    job(seconds, 'JOB_EVENT', { event_number, event_kind, digest: '', delegated: null });
  const over = (seconds: number, event_number: number, changes: Members = {}): Entry =>
    job(seconds, 'JOB_ENDED', { event_number, state: 'success', code: null, digest: digest('out'), ...changes });
  const course = async (
    name: string,
    about: string,
    before: readonly Entry[],
    entries: readonly Entry[],
    ...conduct: string[]
  ): Promise<Case> => ({
    name,
    about,
    bytes: await bundle([...before, ...entries], { first: 0, last: before.length + entries.length - 1 }),
    ...(conduct.length > 0 && { expected: { conduct } }),
  });
  return [
    await course('good-spending', 'Reserved, settled for less, and reserved again.', first, [
      reserve(1, ['USD:1'], ['EUR:3', 'USD:0.5']),
      settle(2, ['USD:0.25'], ['EUR:3', 'USD:1.25']),
      reserve(3, ['EUR:3', 'USD:1.25'], ['EUR:0', 'USD:0'], { reservation_id: id('two') }),
      slice(904, 'USD:1'),
    ]),
    await course(
      'spent-without-budget',
      'Money is set aside where no ancestor has a budget.',
      first,
      [reserve(1, ['USD:1'], [], { artifact_hash: begun[1]!.event.artifact_hash as string })],
      '8 law.PERMISSION_DENIED',
    ),
    await course(
      'spent-in-another-currency',
      'Money is set aside in a currency without a budget.',
      first,
      [reserve(1, ['CHF:1'], ['EUR:3', 'USD:1.5'])],
      '8 law.PERMISSION_DENIED',
    ),
    await course(
      'spent-too-much',
      'More is set aside than there is.',
      first,
      [reserve(1, ['USD:1.51'], ['EUR:3', 'USD:0'])],
      '8 law.BUDGET_EXHAUSTED',
    ),
    await course(
      'spent-twice',
      'The same money is set aside twice.',
      first,
      [
        reserve(1, ['USD:1'], ['EUR:3', 'USD:0.5']),
        reserve(2, ['USD:1'], ['EUR:3', 'USD:0'], { reservation_id: id('two') }),
      ],
      '9 law.BUDGET_EXHAUSTED',
    ),
    await course(
      'more-left-than-there-is',
      'The entry says that more is left than there is.',
      first,
      [reserve(1, ['USD:1'], ['EUR:3', 'USD:0.51'])],
      '8 law.INVALID_REQUEST',
    ),
    await course(
      'amounts-unreadable',
      'Amounts that are none are set aside, and spent: nothing is moved by them.',
      first,
      [
        reserve(1, ['USD:.1'], ['EUR:3', 'USD:1.4']),
        reserve(2, ['USD:1.5'], ['EUR:3', 'USD:0']),
        reserve(3, ['USD:\u0661'], ['EUR:3', 'USD:0'], { reservation_id: id('two') }),
        settle(3, ['USD:1.'], ['EUR:3', 'USD:0.5']),
        settle(4, ['USD:1'], ['EUR:3', 'USD:0.5']),
      ],
      '8 law.INVALID_REQUEST',
      '10 law.INVALID_REQUEST',
      '11 law.INVALID_REQUEST',
    ),
    await course(
      'amounts-of-one-currency-twice',
      'One currency is named twice: it is moved by the sum, and by nothing where that is too large.',
      first,
      [
        reserve(1, [`USD:${'9'.repeat(30)}`, 'USD:1'], ['EUR:3', 'USD:0']),
        reserve(2, ['USD:0.5', 'USD:0.5'], ['EUR:3', 'USD:0.5'], { reservation_id: id('two') }),
        reserve(3, ['USD:0.6'], ['EUR:3', 'USD:0'], { reservation_id: id('three') }),
      ],
      '8 law.INVALID_REQUEST',
      '9 law.INVALID_REQUEST',
      '10 law.BUDGET_EXHAUSTED',
    ),
    await course(
      'settled-for-more',
      'More is spent than was set aside.',
      first,
      [reserve(1, ['USD:1'], ['EUR:3', 'USD:0.5']), settle(2, ['USD:1.01'], ['EUR:3', 'USD:0.49'])],
      '9 law.BUDGET_EXHAUSTED',
    ),
    await course(
      'settled-from-nothing',
      'What was never set aside is spent.',
      first,
      [settle(1, ['USD:1'], ['EUR:3', 'USD:0.5'])],
      '8 law.ARTIFACT_NOT_FOUND',
    ),
    await course(
      'settled-too-late',
      'A reservation is settled after it was released.',
      first,
      [reserve(1, ['USD:1'], ['EUR:3', 'USD:0.5']), settle(901, ['USD:1'], ['EUR:3', 'USD:0.5'])],
      '9 law.ARTIFACT_NOT_FOUND',
    ),
    await course(
      'slices-of-the-same-money',
      'Two children each get the whole rest.',
      first,
      [slice(1, 'USD:1'), slice(2, 'USD:1')],
      '9 law.BUDGET_EXHAUSTED',
    ),
    await course(
      'slice-of-nothing',
      'A slice names no amounts, and money is set aside in it.',
      first,
      [
        like.delegated(empty, rich, time(1)),
        reserve(2, ['USD:1'], ['EUR:3', 'USD:1.5'], {
          artifact_hash: empty.hash,
          remaining: [level(['EUR:3', 'USD:1.5']), level([], 1, empty.hash)],
        }),
      ],
      '8 law.INVALID_REQUEST',
      '9 law.PERMISSION_DENIED',
    ),
    {
      name: 'budget-from-nowhere',
      about: 'A child names a currency that its parent does not have; what is derived from it still has none of it.',
      bytes: await bundle(
        [
          ...[...begun, like.created(deep, time(0)), like.delegated(foreign, deep, time(1))],
          ...[like.delegated(below, foreign, time(2)), like.delegated(last, below, time(3))],
        ],
        { first: 0, last: begun.length + 3 },
      ),
      expected: { containment: ['8 scope', '10 scope'] },
    },
    await course('good-job', 'A job from its acceptance to its end.', given, [
      accepted(),
      happened(2, 2),
      happened(3, 3, 'log'),
      over(4, 4),
    ]),
    await course('good-job-out-of-money', 'A job that ends with its budget is refused a spend, and ends.', given, [
      accepted({ budget_exhausted: 'end' }),
      happened(2, 2),
      at(time(3), {
        kind: 'REFUSAL',
        code: 'BUDGET_EXHAUSTED',
        artifact_hash: agent.hash,
        binding: 'process',
        tool: 'aga_spend',
      }),
      over(3, 3, { state: 'error', code: 'BUDGET_EXHAUSTED', digest: '' }),
    ]),
    {
      ...(await course('job-of-unknown-thrift', 'What ends the job is named by a word that is none.', given, [
        accepted({ budget_exhausted: 'refuse' }),
      ])),
      expected: { integrity: ['9 event'] },
    },
    await course('job-from-nowhere', 'A job ends that was never accepted.', given, [over(1, 2)], '9 law.JOB_NOT_FOUND'),
    await course(
      'job-of-another-agent',
      'The job was given to another agent than the artifact.',
      given,
      [accepted({ agent: 'other@1' })],
      '9 law.INVALID_REQUEST',
    ),
    await course(
      'job-event-missing',
      'The third event of a job is missing.',
      given,
      [accepted(), happened(2, 2), over(4, 4)],
      '11 law.INVALID_REQUEST',
    ),
    await course(
      'job-ends-twice',
      'A job ends twice.',
      given,
      [accepted(), over(2, 2), over(3, 3, { state: 'error', code: 'X' })],
      '11 law.INVALID_REQUEST',
    ),
    await course(
      'permit-after-the-job',
      "A call was permitted after the job's end.",
      given,
      [accepted(), over(2, 2), at(time(3), decision(agent.hash))],
      '11 law.ARTIFACT_REVOKED',
    ),
  ];
}
