/** Attacks by whoever holds the authority's key: artifacts that hold more than what they were derived from, or come too late. */
import { signer } from '#ed25519';
import { type ArtifactSigner, type Draft, open, type Sealed, seal, toJson } from '../../../src/artifact/artifact.ts';
import { genesisBytes } from '../../../src/authority/event/genesis.ts';
import type { Json } from '../../../src/base/canonical.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { toBase64url } from '../../../src/base/encoding.ts';
import { formatInstant, parseInstant } from '../../../src/base/instant.ts';
import { verifierKey } from '../../../src/chain/checkpoint.ts';
import type { Entry } from '../../../src/chain/entry.ts';
import { AUTHORITY, at, forged, likeThose, scope } from '../../authority/forge.ts';
import { KEYS, ORIGIN, START, seed } from '../../kernel.ts';
import { holderKey, type Scene } from '../scene.ts';
import type { Case, Expected } from './case.ts';
import { artifactAt, bundle, timeOf } from './chain.ts';

const STRANGER = signer(seed('stranger'));

/** Entries 0 to 6 of the scene, and what else the forger writes. */
export interface Stage {
  readonly begun: readonly Entry[];
  readonly boss: Sealed;
  readonly lead: Sealed;
  readonly worker: Sealed;
  readonly scene: Scene;
  /** So many seconds after the last of them. */
  time(seconds: number): number;
  readonly like: ReturnType<typeof likeThose>;
}

export function stageOf(scene: Scene, entries: readonly Entry[]): Stage {
  const begun = entries.slice(0, 7);
  const last = timeOf(begun.at(-1)!);
  const [boss, lead, worker] = [1, 2, 5].map((n) => artifactAt(entries, n)) as [Sealed, Sealed, Sealed];
  return { begun, boss, lead, worker, scene, time: (seconds) => last + seconds * 1000, like: likeThose(entries) };
}

/** A root of the authority's, as the forger wants it. */
export function root(changes: Partial<Draft>, from: ArtifactSigner = KEYS.authority): Sealed {
  return seal(
    {
      authority: AUTHORITY,
      parent: null,
      depth: 0,
      holder: null,
      subject: 'root',
      purpose: 'forged',
      nonce: 'rootrootrootrootrootrA',
      issued_at: formatInstant(START),
      expires_at: formatInstant(START + 7_200_000),
      scope: scope({ 'tool.call': ['fs/*'], 'agent.delegate': ['*'] }),
      terms: { preset: null, min_binding: 'handle', budget_mode: null },
      delegation: { max_depth: 2, max_children: 32 },
      ...changes,
    },
    from,
  );
}

export async function delegationForgeries(stage: Stage): Promise<Case[]> {
  const { begun, boss, lead, worker, time, like } = stage;
  const whole = { artifact_hash: boss.hash };
  const after = (...more: readonly Entry[]): Promise<string> => bundle([...begun, ...more], whole);
  const all = (entries: readonly Entry[]): Promise<string> => bundle(entries, { first: 0, last: entries.length - 1 });
  const child = (changes: Partial<Draft>, parent = lead, by: ArtifactSigner = KEYS.authority): Sealed =>
    forged(parent, { scope: scope({ 'tool.call': ['fs/read'] }), ...changes }, by);
  const given = (sealed: Sealed, parent = lead, seconds = 1): Entry => like.delegated(sealed, parent, time(seconds));
  const rule = (scoped: Parameters<typeof scope>[1]): Sealed =>
    child({ scope: scope({ 'tool.call': ['fs/read'] }, scoped) });
  const later = (sealed: Sealed, ms: number): string => formatInstant(parseInstant(sealed.artifact.expires_at)! + ms);
  /** A child that the entry 7 gives to lead's account, and the rule of the link that it breaks. */
  const link = async (name: string, about: string, sealed: Sealed, broken: string[], parent = lead): Promise<Case> => ({
    name,
    about,
    bytes: await after(given(sealed, parent)),
    expected: { containment: broken.map((each) => `7 ${each}`) },
  });
  const law = async (name: string, about: string, entries: readonly Entry[], expected: Expected): Promise<Case> => ({
    name,
    about,
    bytes: await after(...entries),
    expected,
  });
  const second = root({ delegation: { max_depth: 2, max_children: 1 } });
  const shy = root({ terms: { preset: null, min_binding: 'process', budget_mode: null } });
  const unsigned = { ...child({}).artifact, signature: toBase64url(KEYS.log.sign(new Uint8Array())) };
  const broken = open(toJson({ artifact: unsigned, hash: '' }));
  const unsorted = child({ scope: { ...scope({}), permissions: { 'tool.call': ['fs/write', 'fs/read'] } } });
  const sameTwice = child({});
  const genesis = strangersGenesis();
  return [
    { name: 'good-complete', about: 'Every entry of a chain.', bytes: await all(begun) },
    {
      name: 'good-child',
      about: 'A child that is narrower in every way.',
      bytes: await after(
        given(
          child({
            scope: scope(
              { 'tool.call': ['fs/re*', 'web/get'], 'fs.read': ['/data/reports/*/draft'] },
              { limits: { calls: 6 } },
            ),
          }),
        ),
      ),
    },
    {
      name: 'good-holder-signed',
      about: "The parent's holder signed the child.",
      bytes: await after(given(child({}, lead, holderKey))),
    },
    await link('wider-tools', 'The child may call every tool.', child({ scope: scope({ 'tool.call': ['**'] }) }), [
      'scope',
    ]),
    await link(
      'wider-by-one-letter',
      'A pattern of the child reaches one name that its parent has not.',
      child({ scope: scope({ 'tool.call': ['web/get*'] }) }),
      ['scope'],
    ),
    await link('wider-folder', 'The folder above is readable.', child({ scope: scope({ 'fs.read': ['/data/**'] }) }), [
      'scope',
    ]),
    await link(
      'neighbour-folder',
      'A folder whose name begins like the granted one.',
      child({ scope: scope({ 'fs.read': ['/data/reports2/**'] }) }),
      ['scope'],
    ),
    await link(
      'new-capability',
      'A capability that no ancestor has.',
      child({ scope: scope({ 'net.fetch': ['**'] }) }),
      ['scope'],
    ),
    await link(
      'money-from-nowhere',
      'A budget where no ancestor has one.',
      child({ scope: scope({ 'cost.budget': ['USD:1'] }) }),
      ['scope'],
    ),
    await link('more-calls', 'One call more than the parent may make.', rule({ limits: { calls: 7 } }), ['scope']),
    await link(
      'looser-rule',
      'A rule lets a file be written where the parent may not.',
      rule({ argument_rules: [{ tool: 'fs/write', arguments: { path: { under: '/data' } } }] }),
      ['scope'],
    ),
    await link(
      'rule-with-an-argument-more',
      'A rule names an argument that the parent must not give.',
      rule({
        argument_rules: [{ tool: 'fs/write', arguments: { mode: { any: true }, path: { under: '/data/reports' } } }],
      }),
      ['scope'],
    ),
    await link('new-duty', 'A duty that the parent does not have.', rule({ enforcement_triggers: ['TERMINATE'] }), [
      'scope',
    ]),
    await link('outlives-its-parent', 'The child lives a millisecond longer.', child({ expires_at: later(lead, 1) }), [
      'expires_at',
    ]),
    await link(
      'as-deep-as-its-parent',
      'The child may delegate as deep as its parent.',
      child({ delegation: { max_depth: 2, max_children: 1 } }),
      ['max_depth'],
    ),
    await link('wrong-depth', 'The child says it stands deeper.', child({ depth: 5 }), ['depth']),
    await link('by-a-stranger', 'A stranger issued and signed it.', child({}, lead, STRANGER), ['issuer']),
    await link(
      'by-another-holder',
      'The holder of the parent signed a child of somebody else.',
      child({ scope: scope({ 'tool.call': ['mail/send'] }) }, boss, holderKey),
      ['issuer'],
      boss,
    ),
    await link(
      'of-another-authority',
      'It names another authority.',
      child({ authority: toDidKey(STRANGER.publicKey) }),
      ['authority'],
    ),
    await link(
      'without-the-right',
      'The parent may not delegate.',
      child({}, worker),
      ['agent.delegate', 'max_depth'],
      worker,
    ),
    await link(
      'to-a-name-not-covered',
      'The parent may not delegate to an agent with a version.',
      child({ subject: 'forged@1.0' }),
      ['agent.delegate'],
    ),
    await law('broken-signature', 'The signature is of something else.', [given(broken)], {
      integrity: ['7 signature'],
    }),
    {
      name: 'orphan',
      about: 'The parent was never there.',
      bytes: await all([...begun, given(child({ parent: '0'.repeat(64) }))]),
      expected: { containment: ['7 parent'] },
    },
    {
      name: 'weaker-binding',
      about: 'The child asks for a weaker proof of who calls than its parent.',
      bytes: await bundle(
        [
          ...begun,
          like.created(shy, time(1)),
          given(child({ terms: { preset: null, min_binding: 'bearer', budget_mode: null } }, shy), shy, 2),
        ],
        { artifact_hash: shy.hash },
      ),
      expected: { containment: ['8 min_binding'] },
    },
    {
      name: 'root-by-a-stranger',
      about: 'A stranger issued a root.',
      bytes: await all([...begun, like.created(root({}, STRANGER), time(1))]),
      expected: { containment: ['7 issuer'] },
    },
    {
      name: 'root-that-never-lives',
      about: 'A root expires before it is issued.',
      bytes: await all([...begun, like.created(root({ expires_at: formatInstant(START - 1) }), time(1))]),
      expected: { containment: ['7 expires_at'] },
    },
    await law(
      'delegated-after-revocation',
      'The parent had been revoked.',
      [
        at(time(1), { kind: 'REVOCATION', artifact_hash: lead.hash, reason: 'over', by: null }),
        given(child({}), lead, 2),
      ],
      { conduct: ['8 law.ARTIFACT_REVOKED'] },
    ),
    await law(
      'delegated-with-an-expired-key',
      'The holder signs after its own artifact expired.',
      [given(child({}, lead, holderKey), lead, 3600)],
      {
        conduct: ['7 law.LEASE_EXPIRED'],
      },
    ),
    await law(
      'born-expired',
      'The child had expired when it was recorded.',
      [given(child({ expires_at: formatInstant(time(0)) }))],
      {
        conduct: ['7 law.LEASE_EXPIRED'],
      },
    ),
    await law(
      'born-in-the-future',
      'The child is issued an hour after it was recorded.',
      [given(child({ issued_at: formatInstant(time(2400)) }))],
      {
        conduct: ['7 law.INVALID_REQUEST'],
      },
    ),
    await law('recorded-twice', 'The same artifact is recorded twice.', [given(sameTwice), given(sameTwice, lead, 2)], {
      conduct: ['8 law.INVALID_REQUEST'],
    }),
    await law(
      'false-account',
      'The entry says that nothing was left out.',
      [
        withEvent(given(child({})), {
          scope_reduction: {
            tools_removed: [],
            permissions_removed: [],
            triggers_removed: [],
            measurement_types_removed: [],
          },
        }),
      ],
      {
        conduct: ['7 law.INVALID_REQUEST'],
      },
    ),
    await law(
      'entry-says-something-else',
      'The entry names another purpose than its artifact.',
      [withEvent(given(child({})), { purpose: 'harmless' })],
      {
        integrity: ['7 event'],
      },
    ),
    await law('not-in-normal-form', 'The patterns of the artifact are not sorted.', [given(unsorted)], {
      integrity: ['7 event'],
    }),
    {
      name: 'one-child-too-many',
      about: 'A parent that may have one child has two.',
      bytes: await bundle(
        [
          ...begun,
          like.created(second, time(1)),
          given(child({}, second), second, 2),
          given(child({}, second), second, 3),
        ],
        { artifact_hash: second.hash },
      ),
      expected: { conduct: ['9 law.FANOUT_EXCEEDED'] },
    },
    {
      name: 'copied-under-another-log',
      about: "A stranger copies the entries into a log of its own, under the authority's name.",
      bytes: await bundle(
        [withEvent(begun[0]!, { log_key: verifierKey(ORIGIN, STRANGER.publicKey) }), ...begun.slice(1)],
        whole,
        0,
        STRANGER,
      ),
      expected: { integrity: ['0 genesis'] },
    },
    {
      name: 'chain-of-a-stranger',
      about: 'Everything is right, and the authority is somebody else.',
      bytes: await bundle(
        [at(START, genesis), like.created(strangersRoot(), START)],
        { first: 0, last: 1 },
        0,
        STRANGER,
      ),
      expected: { integrity: ['0 authority'] },
    },
  ];
}

export const withEvent = (entry: Entry, members: { readonly [name: string]: Json }): Entry => ({
  ...entry,
  event: { ...entry.event, ...members },
});

function strangersGenesis() {
  const unsigned = {
    kind: 'GENESIS' as const,
    authority: toDidKey(STRANGER.publicKey),
    log_key: verifierKey(ORIGIN, STRANGER.publicKey),
  };
  return { ...unsigned, signature: toBase64url(STRANGER.sign(genesisBytes(unsigned))) };
}

const strangersRoot = (): Sealed => root({ authority: toDidKey(STRANGER.publicKey) }, STRANGER);
