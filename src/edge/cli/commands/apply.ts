import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { type Document, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { sha256Hex } from '#digest';
import { canonicalize } from '../../../base/canonical.ts';
import { Refusal } from '../../../base/refusal.ts';
import { sayIssue } from '../../../base/wording.ts';
import { createArtifact } from '../../../tools/create-artifact.ts';
import { delegateToSubagent } from '../../../tools/delegate-to-subagent.ts';
import { queryChain } from '../../../tools/query-chain.ts';
import { revokeArtifact } from '../../../tools/revoke-artifact.ts';
import type { Answer } from '../../../tools/tool.ts';
import type { Agent, AgentList } from '../../http/agent.ts';
import { parseDuration } from '../../http/duration.ts';
import { isLive, liveNamed, meant } from '../agents.ts';
import type { Command, Opened } from '../command.ts';
import { sheet, wallClock } from '../terminal.ts';

/** The shape of the custom resource, strict: a misspelt `ttl` would be a longer life than was meant. */
const resource = z.strictObject({
  apiVersion: z.string(),
  kind: z.literal('AgentIdentity'),
  metadata: z.strictObject({
    name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label'),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.strictObject({
    parentRef: z.strictObject({ name: z.string(), namespace: z.string().optional() }).optional(),
    ttl: z.string().default('15m'),
    policyPreset: z.string().default('sandboxed'),
  }),
});
type Resource = z.infer<typeof resource>;

type Minted = Answer<typeof delegateToSubagent>;

export const apply: Command = {
  name: 'apply',
  group: 'Delegate:',
  summary: 'Make the agent that a file describes, and print its enrolment token',
  options: [new Option('-f, --file <file>', 'An AgentIdentity in YAML or JSON; - is stdin').makeOptionMandatory()],
  examples: [
    ['apply -f agent.yaml', 'kind AgentIdentity, with spec.parentRef, ttl and policyPreset:'],
    ['apply -f agent.yaml --json', 'For a program; applying the same file again prints the same token:'],
  ],
  async run(desk, { options }) {
    const wanted = read(String(options.file));
    const { url, authority } = desk.settings();
    const { parent, minted } = await applied(wanted, await desk.open(), url === null ? authority : undefined);
    const { enrollment, expires_at, child_artifact_hash: hash } = minted;
    const token = enrollment?.token ?? ''; // asked for
    const answer = {
      enrollmentToken: token,
      expiresAt: expires_at,
      parentRef: { name: parent.name, namespace: parent.namespace },
      agentName: wanted.metadata.name,
      artifactHash: hash,
    };
    return {
      answer,
      text: ({ paint }) =>
        sheet(
          [
            ['agent', paint('bold', wanted.metadata.name)],
            ['parent', parent.name],
            ['expires', wallClock(expires_at)],
            ['token', token],
          ],
          paint,
        ),
    };
  },
};

function read(path: string): Resource {
  const found = resource.safeParse(parsed(path));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw wrong(
    issue ? `${issue.path.join('.') || 'the document'}: ${sayIssue(issue, resource)}` : 'it has another form',
  );
}

function parsed(path: string): unknown {
  // No second meaning of a key, nor of a value by a tag: it is a small form that is filled in.
  const documents = parseAllDocuments(textOf(path), { uniqueKeys: true, schema: 'core' });
  for (const { errors, warnings } of documents) {
    const [fault] = [...errors, ...warnings];
    if (fault)
      throw wrong(`it is not plain YAML${fault.linePos ? ` at line ${fault.linePos[0].line}` : ''} (${fault.code})`);
  }
  const held = documents.map(heldIn).filter((value) => value !== null);
  if (held.length > 1) throw wrong(`it holds ${held.length} documents; give each agent its own file`);
  return held[0] ?? null;
}

function heldIn(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw wrong('it is not plain YAML: it holds aliases');
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new Refusal('INVALID_REQUEST', `${path} cannot be read (${code}).`, { hint: 'Name an existing file.' });
  }
}

const wrong = (what: string) => new Refusal('INVALID_REQUEST', `The file is not an AgentIdentity: ${what}.`);

interface Parent {
  readonly hash: string;
  readonly name: string;
  readonly namespace: string;
}

/** What the same file made before, while that lives; else something new. `authority`: its name, where it is known. */
async function applied(
  wanted: Resource,
  opened: Opened,
  authority: string | undefined,
): Promise<{ parent: Parent; minted: Minted }> {
  const before = await opened.agents();
  const home = authority ?? before.items[0]?.metadata.namespace;
  const { namespace = home } = wanted.metadata;
  if (namespace !== home && home !== undefined)
    throw wrong(`metadata.namespace: the agents of this authority are in "${home}"`);
  const above = await liveParent(wanted, before, opened);
  const asked = { ...wanted, parent: above?.hash };
  const digest = sha256Hex(canonicalize(JSON.parse(JSON.stringify(asked)))).slice(0, 32);
  const twin = before.items.find((agent) => isTwin(agent, wanted, above?.name) && isLive(agent));
  if (twin && !isAsWanted(twin, wanted)) throw taken(wanted);
  const { head } = await opened.call(queryChain, { limit: 1 });
  // What has ended is followed by another of the same file, which is found again, and made once by many at a time.
  for (let generation = 0; ; generation += 1) {
    const key = `apply/${digest}/${generation}`;
    const parent = above ?? (await rootFor(wanted, key, namespace ?? 'default', opened));
    const isNew = !before.items.some(({ status }) => status.artifactHash === parent.hash);
    const minted = await mint(wanted, parent, key, head.size, opened).catch(async (error: unknown) => {
      // A root that was made for an agent that cannot be is of no use to anybody.
      if (isNew && error instanceof Refusal && !error.body.retryable) await revoked(parent.hash, opened);
      throw error;
    });
    if (!minted) continue;
    if (!twin || twin.status.artifactHash === minted.child_artifact_hash) return { parent, minted };
    await revoked(isNew ? parent.hash : minted.child_artifact_hash, opened);
    throw taken(wanted);
  }
}

const revoked = (artifact_hash: string, { call }: Opened) =>
  call(revokeArtifact, { artifact_hash, reason: 'the agent was refused' });

/** The live agent that is named; undefined where none is. */
async function liveParent(
  { spec: { parentRef } }: Resource,
  list: AgentList,
  opened: Opened,
): Promise<Parent | undefined> {
  if (!parentRef) return undefined;
  const agent = await meant(liveNamed(parentRef.name, list), opened);
  const isThere = parentRef.namespace === undefined || parentRef.namespace === agent?.metadata.namespace;
  if (!agent || !isThere) throw new Refusal('ARTIFACT_NOT_FOUND', `There is no live agent "${parentRef.name}".`);
  return { hash: agent.status.artifactHash, name: agent.metadata.name, namespace: agent.metadata.namespace };
}

/** For this agent alone. */
async function rootFor(
  { spec, metadata }: Resource,
  key: string,
  namespace: string,
  { call }: Opened,
): Promise<Parent> {
  const input = { subject: metadata.name, ttl_seconds: secondsOf(spec.ttl), request_id: `${key}/root` };
  const { artifact_hash: hash } = await call(createArtifact, input);
  return { hash: String(hash), name: metadata.name, namespace };
}

const ENDED = new Set(['ARTIFACT_REVOKED', 'LEASE_EXPIRED', 'ARTIFACT_NOT_FOUND']);

/** Undefined where this key stands for an agent that has ended, one of the first `size` entries. */
async function mint(
  wanted: Resource,
  parent: Parent,
  key: string,
  size: number,
  opened: Opened,
): Promise<Minted | undefined> {
  const input = {
    sub_agent_id: wanted.metadata.name,
    parent_artifact_hash: parent.hash,
    policy_preset: wanted.spec.policyPreset,
    ttl_seconds: secondsOf(wanted.spec.ttl),
    enroll: true,
    request_id: key,
  };
  try {
    const minted = await opened.call(delegateToSubagent, input);
    if (minted.chain.sequence_number >= size) return minted;
    const { items } = await opened.agents();
    return items.some((agent) => agent.status.artifactHash === minted.child_artifact_hash && isLive(agent))
      ? minted
      : undefined;
  } catch (error) {
    const isOver = error instanceof Refusal && ENDED.has(error.code) && !wanted.spec.parentRef;
    if (isOver) return undefined;
    throw error;
  }
}

const isTwin = ({ metadata, spec }: Agent, wanted: Resource, parent = wanted.metadata.name): boolean =>
  metadata.name === wanted.metadata.name && spec.parentRef?.name === parent;

const isAsWanted = ({ spec }: Agent, wanted: Resource): boolean => spec.policyPreset === wanted.spec.policyPreset;

const taken = ({ metadata }: Resource) =>
  new Refusal('NAME_TAKEN', `A live agent "${metadata.name}" was made from another file, or more than a day ago.`);

function secondsOf(ttl: string): number {
  const milliseconds = parseDuration(ttl);
  if (milliseconds === undefined || milliseconds < 1000)
    throw wrong('spec.ttl must be a Go duration of at least 1s, such as 30m');
  return Math.min(315_360_000, Math.floor(milliseconds / 1000));
}
