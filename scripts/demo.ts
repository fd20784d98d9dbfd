/**
 * The main job on real input: two real server processes on one data directory, driven by today's official client, with a
 * real MCP server behind them. A coordinator delegates, its sub-agent delegates on, asks for too much, reads a file and
 * is kept from another; one revocation ends it in mid-work, and the chain is verified.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { paint, say, step, tell } from './say.ts';

type Answer = { readonly [member: string]: any }; // the story reads a few members of each tool's answer

const FILESYSTEM = join(import.meta.dirname, '../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');

interface Stage {
  readonly dataDir: string;
  readonly config: string;
  /** The folder that the upstream serves. */
  readonly workspace: string;
}

function setStage(folder: string): Stage {
  const workspace = join(folder, 'ws');
  mkdirSync(join(workspace, 'reports'), { recursive: true });
  writeFileSync(join(workspace, 'reports', 'q3.md'), 'Revenue grew by a third.');
  writeFileSync(join(workspace, 'salaries.md'), 'Nobody but the lead reads this.');
  const config = join(folder, 'aga-delegate.json');
  const upstreams = { filesystem: { command: process.execPath, args: [FILESYSTEM, workspace] } };
  writeFileSync(config, JSON.stringify({ upstreams, maps: { filesystem: '@modelcontextprotocol/server-filesystem' } }));
  return { dataDir: join(folder, 'data'), config, workspace };
}

async function connect({ dataDir, config }: Stage, ...args: string[]): Promise<Client> {
  const client = new Client({ name: 'demo', version: '1.0.0' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [SERVER, '--data-dir', dataDir, '--config', config, ...args],
    // What the upstream says of its start is not part of the story.
    stderr: 'ignore',
  });
  await client.connect(transport);
  return client;
}

/** A tool of the upstream: its text, or the refusal. */
async function use(client: Client, name: string, input: Answer): Promise<{ text: string; refused: Answer | null }> {
  const result = await client.callTool({ name, arguments: input });
  const [{ text }] = result.content as [{ text: string }];
  return { text, refused: result.isError ? (JSON.parse(text) as Answer).error : null };
}

async function call(client: Client, name: string, input: Answer): Promise<Answer> {
  const result = await client.callTool({ name, arguments: input });
  if (!result.isError) return result.structuredContent as Answer;
  const [content] = result.content as [{ text: string }];
  return JSON.parse(content.text) as Answer;
}

async function main(): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'aga-demo-')));
  const stage = setStage(folder);
  const { workspace } = stage;
  const started = performance.now();
  try {
    step('1  A coordinator, in an operator session, creates the root of its authority');
    const coordinator = await connect(stage);
    const root = await call(coordinator, 'aga_create_artifact', {
      subject: 'research-lead',
      permissions: {
        'tool.call': ['filesystem/*', 'search/*'],
        'fs.read': [`${workspace}/**`],
        'net.fetch': ['https://*.example.com/**'],
      },
      purpose: 'quarterly report',
    });
    tell(`artifact ${root.artifact_hash}\nexpires  ${root.expires_at}`);

    step('2  It delegates part of that to a sub-agent: reading only, under one folder, for ten minutes');
    const reader = await call(coordinator, 'aga_delegate_to_subagent', {
      sub_agent_id: 'reader',
      permissions: {
        'tool.call': ['filesystem/read_*'],
        'fs.read': [`${workspace}/reports/**`],
        'agent.delegate': ['summariser'],
      },
      ttl_seconds: 600,
      delegation_reason: 'read last quarter',
    });
    tell(
      `artifact ${reader.child_artifact_hash}\nremoved  ${[...reader.scope_reduction.tools_removed, ...reader.scope_reduction.permissions_removed].join(', ')}`,
    );

    step('3  The sub-agent runs in a process of its own, bound to that artifact, and delegates once more');
    const bound = await connect(stage, '--artifact', reader.child_artifact_hash);
    const summariser = await call(bound, 'aga_delegate_to_subagent', {
      sub_agent_id: 'summariser',
      permitted_tools: ['filesystem/read_text_file'],
      ttl_seconds: 3600,
    });
    tell(
      `artifact ${summariser.child_artifact_hash}\nlives    ${summariser.effective_ttl_seconds} s${summariser.ttl_clamped ? ' (clamped to the life of its parent)' : ''}`,
    );

    step('4  It asks for more than it has. This is what the agent sees:');
    const greedy = await call(bound, 'aga_delegate_to_subagent', {
      sub_agent_id: 'summariser',
      permissions: { 'tool.call': ['filesystem/*'], 'fs.read': [`${workspace}/reports/**`] },
    });
    tell(paint(33, JSON.stringify(greedy.error, null, 2)));

    step('5  The tree');
    tell((await call(coordinator, 'aga_inspect', { view: 'tree' })).drawing);

    step('6  Behind the gateway: the sub-agent reads a real file, and is kept from another');
    const read = (path: string) => use(bound, 'filesystem__read_text_file', { path });
    const seen = (await bound.listTools()).tools.map(({ name }) => name).filter((name) => name.includes('__'));
    tell(`of the upstream it sees: ${seen.join(', ')}`);
    tell(`reports/q3.md   ${paint(32, (await read(`${workspace}/reports/q3.md`)).text)}`);
    const kept = (await read(`${workspace}/salaries.md`)).refused;
    tell(`salaries.md     ${paint(31, kept?.code)}  ${kept?.message.replaceAll(workspace, '…')}`);

    step('7  While it works, the coordinator revokes it; the summariser dies with it');
    const work = (async () => {
      for (let reads = 1; ; reads++) {
        const { refused } = await read(`${workspace}/reports/q3.md`);
        if (refused) return { reads, refused };
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 150));
    const cut = await call(coordinator, 'aga_revoke_artifact', {
      artifact_hash: reader.child_artifact_hash,
      reason: 'work is done',
    });
    tell(`${cut.revoked_count} artifacts ended by one entry`);
    const { reads, refused } = await work;
    tell(`the sub-agent's read number ${reads}: ${paint(31, refused.code)}  ${refused.message}`);
    say();
    tell((await call(coordinator, 'aga_inspect', { view: 'tree' })).drawing);

    step('8  The audit chain');
    const log = await call(coordinator, 'aga_query_chain', { limit: 500 });
    const entries = log.entries as Answer[];
    const repeated = entries.filter((entry, index) => isPermit(entry) && isPermit(entries[index - 1]));
    for (const entry of entries) {
      if (repeated.includes(entry)) continue;
      tell(
        `${String(entry.sequence_number).padStart(2)}  ${entry.timestamp.slice(11, 19)}  ${paint(36, entry.event.kind.padEnd(16))}  ${tellEvent(entry.event)}`,
      );
    }
    tell(paint(2, `(${repeated.length} more permitted reads like the one before them are not shown)`));
    say();
    tell(paint(2, log.head.checkpoint.trim()));

    step('9  Verified: every hash, link, signature and the law itself, recomputed');
    const verdict = await call(coordinator, 'aga_verify', { target: 'chain' });
    const [mark, code] = verdict.valid ? ['valid', 32] : ['NOT VALID', 31];
    tell(
      `${paint(code, mark)}: ${verdict.entries_checked} entries, ${verdict.signatures_checked} signatures, ${verdict.findings.length} findings`,
    );
    await Promise.all([coordinator.close(), bound.close()]);
    say(`\n${paint(2, `done in ${((performance.now() - started) / 1000).toFixed(1)} s`)}`);
    if (!verdict.valid) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isPermit = (entry: Answer | undefined): boolean => entry?.event.verdict === 'permit';

function tellEvent(event: Answer): string {
  const tellers: { readonly [kind: string]: () => string } = {
    GENESIS: () => `authority ${event.authority}`,
    ARTIFACT_CREATED: () => `${event.artifact.subject} gets ${event.artifact_hash.slice(0, 12)}`,
    DELEGATION: () =>
      `${event.sub_agent_id} gets ${event.child_artifact_hash.slice(0, 12)} from ${event.parent_artifact_hash.slice(0, 12)}`,
    REVOCATION: () => `${event.artifact_hash.slice(0, 12)} and all below it: ${event.reason}`,
    DECISION: () =>
      `${event.verdict} ${event.tool} for ${event.artifact_hash?.slice(0, 12)}${event.code ? `: ${event.code}` : ''}`,
    REFUSAL: () => `${event.code} for ${event.artifact_hash?.slice(0, 12) ?? 'the operator'} (${event.tool})`,
  };
  return tellers[event.kind]?.() ?? '';
}

await main();
