/** What a hook has said of a call over a shared HTTP connection: it may make the caller less, and never more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '#digest';
import { agentKey, requestProof } from '../../../src/client/index.ts';
import { type Slips, slipsIn } from '../../../src/edge/hook/slips.ts';
import { Enforcement } from '../../../src/service/enforcement.ts';
import { seed } from '../../kernel.ts';
import { directory } from '../../scratch.ts';
import { type Authority, authority, type Enrolled, OPERATOR } from './fixture.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let site: Authority;
let folder: string;
let slips: Slips;
let lead: Enrolled;
beforeEach(async () => {
  const path = directory();
  folder = join(path, 'calls');
  slips = slipsIn(path);
  site = await authority({ hooked: slips.find });
  cleanups.push(() => site.close());
  lead = await site.coordinator();
});

const USE = 'claudecode/toolUseId';
const ERAS = {
  'of 2025-11-25': { meta: {}, headers: () => ({}) },
  'of 2026-07-28': {
    meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'a', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
    headers: (name: string) => ({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    }),
  },
};
type Era = keyof typeof ERAS;

interface Asked {
  readonly token: string;
  readonly use?: unknown;
  readonly name?: string;
  readonly input?: object;
  readonly meta?: object;
  readonly era?: Era;
  readonly dpop?: (body: string) => string;
}

async function call({
  token,
  use,
  name = 'aga_inspect',
  input = { view: 'lineage' },
  meta,
  era = 'of 2025-11-25',
  dpop,
}: Asked): Promise<any> {
  const _meta = { ...ERAS[era].meta, ...meta, ...(use !== undefined && { [USE]: use }) };
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: input, _meta },
  });
  const { text } = await site.send('POST', '/mcp', body, token, {
    accept: 'application/json, text/event-stream',
    ...ERAS[era].headers(name),
    ...(dpop && { dpop: dpop(body) }),
  });
  const { result } = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text);
  return result.structuredContent ?? JSON.parse(result.content[0].text);
}

/** Who the call is, or why it is not made. */
async function who(asked: Asked): Promise<string> {
  const { error, lineage } = await call(asked);
  return error?.code ?? lineage.at(-1).subject;
}

const delegate = async (parent: string, name: string, changes: object = {}): Promise<string> => {
  const input = { parent_artifact_hash: parent, sub_agent_id: name, ...changes };
  return (await site.send('POST', '/api/v1/tools/aga_delegate_to_subagent', input, OPERATOR)).json.child_artifact_hash;
};

let uses = 0;
async function announced(artifact: string | null): Promise<string> {
  uses += 1;
  await slips.leave(`toolu_${uses}`, { artifact });
  return `toolu_${uses}`;
}

describe('a call over a shared HTTP connection', () => {
  it.each(Object.keys(ERAS) as Era[])(
    'is made by the sub-agent that the hook has named, in the era %s',
    async (era) => {
      const child = await delegate(lead.hash, 'child', { policy_preset: 'coordinator' });
      const grandchild = await delegate(child, 'grandchild');
      for (const token of [lead.session, OPERATOR]) {
        expect(await who({ token, era, use: await announced(child) })).toBe('child');
        expect(await who({ token, era, use: await announced(grandchild) })).toBe('grandchild');
      }
      const create = { name: 'aga_create_artifact', input: {}, token: OPERATOR, era };
      expect(await who({ ...create, use: await announced(child) })).toBe('NOT_OPERATOR');
      expect(site.reports).toEqual([]);
    },
  );

  it('is that one call: the next is the connection’s own, and the same that comes again still the sub-agent’s', async () => {
    const use = await announced(await delegate(lead.hash, 'child'));
    const token = lead.session;
    expect(await who({ token, use })).toBe('child');
    expect(await who({ token })).toBe('coordinator');
    expect(await who({ token, use: 'toolu_unknown' })).toBe('coordinator');
    // A host sends it again where it did not arrive, or where somebody had to be asked. That must not be its host's.
    expect(await who({ token, use })).toBe('child');
    const both = await Promise.all([use, undefined, use].map((each) => who({ token, use: each })));
    expect(both).toEqual(['child', 'coordinator', 'child']);
  });

  it('by an agent without an artifact is refused, also for the operator', async () => {
    for (const token of [lead.session, OPERATOR])
      expect(await who({ token, use: await announced(null) })).toBe('PERMISSION_DENIED');
  });

  it('is refused where what the hook has said cannot be read', async () => {
    const use = await announced(lead.hash);
    writeFileSync(join(folder, sha256Hex(use)), '{"artifact":7}');
    expect((await call({ token: lead.session, use })).error).toMatchObject({ code: 'INTERNAL' });
  });
});

describe('whoever names a use of its own choice', () => {
  it('is never more than its bearer: not its parent, a sibling, a stranger, or who is not there', async () => {
    const other = await site.coordinator();
    const child = await delegate(lead.hash, 'child');
    const above = [lead.root, other.hash, other.root, await delegate(lead.root, 'sibling'), 'f'.repeat(64), ''];
    for (const artifact of above)
      expect(await who({ token: lead.session, use: await announced(artifact) })).toBe('ARTIFACT_NOT_FOUND');
    const use = await announced(child);
    expect(await who({ token: other.session, use })).toBe('ARTIFACT_NOT_FOUND');
    // And has not used it up.
    expect(await who({ token: lead.session, use })).toBe('child');
    expect(await who({ token: lead.session, use: await announced(lead.hash) })).toBe('coordinator');
  });

  it('is known no better than before', async () => {
    const child = await delegate(lead.hash, 'strict', { min_binding: 'hook' });
    expect(await who({ token: lead.session, use: await announced(child) })).toBe('PERMISSION_DENIED');
    const plain = await delegate(lead.hash, 'plain');
    expect(await who({ token: lead.session, use: await announced(plain) })).toBe('plain');
  });

  it('is known by the hook where its holder has signed the request, and no better', async () => {
    const minted = await site.send(
      'POST',
      `/api/v1/agents/${lead.id}/delegate`,
      { subAgentName: 'signer', policyPreset: 'coordinator' },
      lead.session,
    );
    const { artifactHash, enrollmentToken } = minted.json;
    const { sessionToken } = (await site.enroll(enrollmentToken, 'signer')).json;
    const dpop = (body: string) =>
      requestProof(agentKey(seed('signer')), { method: 'POST', url: `${site.url}/mcp`, body, token: sessionToken });
    const hooked = await delegate(artifactHash, 'hooked', { min_binding: 'hook' });
    const strict = await delegate(artifactHash, 'strict', { min_binding: 'process' });
    expect(await who({ token: sessionToken, dpop, use: await announced(hooked) })).toBe('hooked');
    expect(await who({ token: sessionToken, dpop, use: await announced(strict) })).toBe('PERMISSION_DENIED');
  });

  it('is heard no more once its own artifact has ended, or stands still', async () => {
    const tool = async (name: string, input: object) =>
      (await site.send('POST', `/api/v1/tools/${name}`, input, OPERATOR)).json;
    const root = await tool('aga_create_artifact', { enforcement_triggers: ['QUARANTINE'] });
    const above = { parent_artifact_hash: root.artifact_hash, policy_preset: 'coordinator', enroll: true };
    const { enrollment, child_artifact_hash: hash } = await tool('aga_delegate_to_subagent', above);
    const token = (await site.enroll(enrollment.token)).json.sessionToken;
    const use = await announced(await delegate(hash, 'child'));
    expect(await who({ token, use })).toBe('child');
    // Suspends the artifact alone: by another way its child goes on.
    await new Enforcement(site.kernel.service, 3).fire(hash, 'a stolen token');
    for (const each of [undefined, use]) expect(await who({ token, use: each })).toBe('SUSPENDED');
    expect(await who({ token: OPERATOR, use })).toBe('child');
    await tool('aga_revoke_artifact', { artifact_hash: hash, reason: 'x' });
    for (const each of [token, OPERATOR]) expect(await who({ token: each, use })).toBe('ARTIFACT_REVOKED');
  });

  it('stays the sub-agent, whatever else the call shows', async () => {
    const child = await delegate(lead.hash, 'child');
    const use = await announced(child);
    const { lineage, enrollments } = lead.answer;
    const meta = { 'aga/lineage': { lineage, enrollments } };
    expect(await who({ token: OPERATOR, meta })).toBe('coordinator');
    expect(await who({ token: OPERATOR, meta, use })).toBe('child');
  });

  it('gains nothing by one that is none', async () => {
    for (const use of [7, null, ['toolu_1'], {}, '', '../authority.key', '\0', 'x'.repeat(100_000)])
      expect(await who({ token: lead.session, use })).toBe('coordinator');
    expect(site.reports).toEqual([]);
  });
});

describe('a server that requires the hook', () => {
  it('refuses what is not announced, and gives to what is its own no more than the bearer has', async () => {
    const path = directory();
    slips = slipsIn(path, true);
    site = await authority({ hooked: slips.find });
    cleanups.push(() => site.close());
    const { session: token, hash } = await site.coordinator();
    expect(await who({ token })).toBe('coordinator');
    expect(await who({ token, use: 'toolu_unannounced' })).toBe('PERMISSION_DENIED');
    expect(await who({ token, use: await announced(await delegate(hash, 'child')) })).toBe('child');
    await slips.leave('toolu_own', 'own');
    expect(await who({ token, use: 'toolu_own' })).toBe('coordinator');
    const create = { name: 'aga_create_artifact', input: {}, use: 'toolu_own' };
    expect(await who({ ...create, token })).toBe('NOT_OPERATOR');
    expect(site.reports).toEqual([]);
  });
});
