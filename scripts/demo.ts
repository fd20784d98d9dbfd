/**
 * The main job on real input: two real server processes on one data directory, driven by today's official client.
 * A coordinator delegates, its sub-agent delegates on and asks for too much, one revocation ends both, and the chain
 * is verified.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

type Answer = { readonly [member: string]: any }; // the story reads a few members of each tool's answer

const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const say = (text = ''): void => void process.stdout.write(`${text}\n`);
const step = (text: string): void => say(`\n${paint(1, text)}`);
const indent = (text: string): string => text.replace(/^/gm, '    ');

async function connect(dataDir: string, ...args: string[]): Promise<Client> {
  const client = new Client({ name: 'demo', version: '1.0.0' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [SERVER, '--data-dir', dataDir, ...args],
    stderr: 'inherit',
  });
  await client.connect(transport);
  return client;
}

async function call(client: Client, name: string, input: Answer): Promise<Answer> {
  const result = await client.callTool({ name, arguments: input });
  if (!result.isError) return result.structuredContent as Answer;
  const [content] = result.content as [{ text: string }];
  return JSON.parse(content.text) as Answer;
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'aga-demo-'));
  const started = performance.now();
  try {
    step('1  A coordinator, in an operator session, creates the root of its authority');
    const coordinator = await connect(dataDir);
    const root = await call(coordinator, 'aga_create_artifact', {
      subject: 'research-lead',
      permissions: {
        'tool.call': ['filesystem/*', 'search/*'],
        'fs.read': ['/ws/**'],
        'net.fetch': ['https://*.example.com/**'],
      },
      purpose: 'quarterly report',
    });
    say(indent(`artifact ${root.artifact_hash}\nexpires  ${root.expires_at}`));

    step('2  It delegates part of that to a sub-agent: reading only, under one folder, for ten minutes');
    const reader = await call(coordinator, 'aga_delegate_to_subagent', {
      sub_agent_id: 'reader',
      permissions: {
        'tool.call': ['filesystem/read_*'],
        'fs.read': ['/ws/reports/**'],
        'agent.delegate': ['summariser'],
      },
      ttl_seconds: 600,
      delegation_reason: 'read last quarter',
    });
    say(
      indent(
        `artifact ${reader.child_artifact_hash}\nremoved  ${[...reader.scope_reduction.tools_removed, ...reader.scope_reduction.permissions_removed].join(', ')}`,
      ),
    );

    step('3  The sub-agent runs in a process of its own, bound to that artifact, and delegates once more');
    const bound = await connect(dataDir, '--artifact', reader.child_artifact_hash);
    const summariser = await call(bound, 'aga_delegate_to_subagent', {
      sub_agent_id: 'summariser',
      permitted_tools: ['filesystem/read_text_file'],
      ttl_seconds: 3600,
    });
    say(
      indent(
        `artifact ${summariser.child_artifact_hash}\nlives    ${summariser.effective_ttl_seconds} s${summariser.ttl_clamped ? ' (clamped to the life of its parent)' : ''}`,
      ),
    );

    step('4  It asks for more than it has. This is what the agent sees:');
    const greedy = await call(bound, 'aga_delegate_to_subagent', {
      sub_agent_id: 'summariser',
      permissions: { 'tool.call': ['filesystem/*'], 'fs.read': ['/ws/reports/2026/**'] },
    });
    say(indent(paint(33, JSON.stringify(greedy.error, null, 2))));

    step('5  The tree');
    say(indent((await call(coordinator, 'aga_inspect', { view: 'tree' })).drawing));

    step('6  The coordinator revokes the reader; the summariser dies with it, in the other process too');
    const cut = await call(coordinator, 'aga_revoke_artifact', {
      artifact_hash: reader.child_artifact_hash,
      reason: 'work is done',
    });
    say(indent(`${cut.revoked_count} artifacts ended by one entry`));
    const late = await call(bound, 'aga_check_permission', {
      capability: 'tool.call',
      resource: 'filesystem/read_text_file',
    });
    say(indent(`the sub-agent's next call: ${paint(31, late.error.code)}  ${late.error.message}`));
    say(`\n${indent((await call(coordinator, 'aga_inspect', { view: 'tree' })).drawing)}`);

    step('7  The audit chain');
    const log = await call(coordinator, 'aga_query_chain', {});
    for (const entry of log.entries as Answer[]) {
      say(
        indent(
          `${String(entry.sequence_number).padStart(2)}  ${entry.timestamp.slice(11, 19)}  ${paint(36, entry.event.kind.padEnd(16))}  ${tellEvent(entry.event)}`,
        ),
      );
    }
    say(`\n${indent(paint(2, log.head.checkpoint.trim()))}`);

    step('8  Verified: every hash, link, signature and the law itself, recomputed');
    const verdict = await call(coordinator, 'aga_verify', { target: 'chain' });
    const [mark, code] = verdict.valid ? ['valid', 32] : ['NOT VALID', 31];
    say(
      indent(
        `${paint(code, mark)}: ${verdict.entries_checked} entries, ${verdict.signatures_checked} signatures, ${verdict.findings.length} findings`,
      ),
    );
    await Promise.all([coordinator.close(), bound.close()]);
    say(`\n${paint(2, `done in ${((performance.now() - started) / 1000).toFixed(1)} s`)}`);
    if (!verdict.valid) process.exitCode = 1;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function tellEvent(event: Answer): string {
  const tellers: { readonly [kind: string]: () => string } = {
    GENESIS: () => `authority ${event.authority}`,
    ARTIFACT_CREATED: () => `${event.artifact.subject} gets ${event.artifact_hash.slice(0, 12)}`,
    DELEGATION: () =>
      `${event.sub_agent_id} gets ${event.child_artifact_hash.slice(0, 12)} from ${event.parent_artifact_hash.slice(0, 12)}`,
    REVOCATION: () => `${event.artifact_hash.slice(0, 12)} and all below it: ${event.reason}`,
    REFUSAL: () => `${event.code} for ${event.artifact_hash?.slice(0, 12) ?? 'the operator'} (${event.tool})`,
  };
  return tellers[event.kind]?.() ?? '';
}

await main();
