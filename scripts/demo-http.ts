/**
 * The authority over HTTP as a story: a coordinator enrols and delegates, two agents in processes of their own enrol and
 * work, a stolen token is refused and seen, one revocation ends an agent, and the chain is verified.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, DelegateError } from '../src/client/index.ts';
import { paint, say, step, tell } from './say.ts';

const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const short = (token: string): string => `${token.slice(0, 22)}…`;

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'aga-demo-http-'));
  const processes: ChildProcess[] = [];
  const started = performance.now();
  try {
    step('1  The authority starts, and shows its operator token once');
    const { url, token: operator, child } = await serve(dataDir);
    processes.push(child);
    tell(`listening on ${url}\noperator token ${short(operator)}`);
    const tool = toolOf(url, operator);

    step('2  The operator makes a root, and a token for a coordinator, which redeems it with a key of its own');
    const root = await tool('aga_create_artifact', {
      permissions: { 'tool.call': ['search/*', 'files/*'], 'fs.read': ['/ws/**'], 'fs.write': ['/ws/out/**'] },
      purpose: 'quarterly report',
    });
    const { enrollment } = await tool('aga_delegate_to_subagent', {
      parent_artifact_hash: root.artifact_hash,
      sub_agent_id: 'lead',
      policy_preset: 'coordinator',
      enroll: true,
    });
    const lead = await connect({ server: url, token: enrollment.token });
    tell(`${lead.agentName} is ${lead.agentId}, and signs with ${lead.key.id}`);

    step(
      '3  The coordinator mints two tokens; each sub-agent enrols in a process of its own. Sandboxed, it may not write',
    );
    const mint = (subAgentName: string) => lead.delegate({ subAgentName, ttl: '30m', policyPreset: 'sandboxed' });
    const [reader, checker] = await Promise.all([mint('reader'), mint('checker')]);
    const working = [reader, checker].map(({ enrollmentToken }) => agentProcess(url, enrollmentToken));
    processes.push(...working.map(({ child }) => child));
    await Promise.all(working.map(({ worked }) => worked));

    step('4  Somebody has stolen the token of the reader');
    const thief = await connect({ server: url, token: reader.enrollmentToken }).catch((error: unknown) => error);
    if (!(thief instanceof DelegateError)) throw new Error('a stolen token was accepted');
    tell(paint(33, `${thief.code}  ${thief.message}`));
    const { entries } = await lead.call('aga_query_chain', { kind: 'REFUSAL', artifact_hash: reader.artifactHash });
    tell(
      `its coordinator sees it on the chain: ${JSON.stringify((entries as readonly { event: object }[])[0]?.event)}`,
    );

    step('5  The coordinator revokes the checker; its next act is refused, and its process ends');
    const ended = new Promise((resolve) => working[1]?.child.once('close', resolve));
    await lead.revoke('checker');
    await ended;

    step('6  The agents now');
    for (const { metadata, status, spec } of await lead.list()) {
      tell(`${metadata.name.padEnd(8)} ${status.phase.padEnd(8)} ${spec.policyPreset ?? ''}`);
    }

    step('7  The chain, recomputed: every hash, link, signature and the law itself');
    const verdict = await tool('aga_verify', { target: 'chain' });
    tell(`${verdict.valid ? paint(32, 'valid') : paint(31, 'NOT VALID')}: ${verdict.entries_checked} entries`);
    say(`\n${paint(2, `done in ${((performance.now() - started) / 1000).toFixed(1)} s`)}`);
    if (!verdict.valid) process.exitCode = 1;
  } finally {
    await Promise.all(processes.map(end));
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function serve(dataDir: string): Promise<{ url: string; token: string; child: ChildProcess }> {
  const args = [SERVER, '--data-dir', dataDir, 'serve', '--http', '127.0.0.1:0'];
  const { AGA_OPERATOR_TOKEN: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const [, token] = /^operator token: (\S+)$/m.exec(said) ?? [];
      const [, url] = /^listening on (\S+)$/m.exec(said) ?? [];
      if (token !== undefined && url !== undefined) resolve({ url, token, child });
    });
    child.once('exit', (code) => reject(new Error(`the authority ended with ${code}: ${said}`)));
  });
}

type Answer = { readonly [member: string]: any }; // the story reads a few members of each tool's answer

const toolOf =
  (url: string, token: string) =>
  async (name: string, input: object): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1/tools/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(input),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Answer;
  };

interface Working {
  readonly child: ChildProcess;
  /** It has asked for all its acts, or ended. */
  readonly worked: Promise<unknown>;
}

/** This very file, as an agent: it asks before each act, and stops when its authority ends. */
function agentProcess(url: string, token: string): Working {
  const child = spawn(process.execPath, [import.meta.filename, 'agent'], {
    env: { ...process.env, AGA_URL: url, AGA_TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const worked = new Promise((resolve) => {
    let lines = 0;
    createInterface({ input: child.stdout })
      .on('line', (line) => {
        tell(paint(36, line));
        lines += 1;
        if (lines === ACTS.length) resolve(undefined);
      })
      .once('close', resolve);
  });
  return { child, worked };
}

const ACTS = [
  { capability: 'tool.call', resource: 'files/read_text_file', arguments: { path: '/ws/q3.txt' } },
  { capability: 'fs.write', resource: '/ws/out/report.md' },
] as const;

async function work(): Promise<void> {
  const { AGA_URL: server = '', AGA_TOKEN: token = '' } = process.env;
  const agent = await connect({ server, token });
  for (const act of ACTS) {
    const { allowed, code } = await agent.authorize(act);
    say(`${agent.agentName}: ${act.capability} ${act.resource}: ${allowed ? 'permitted' : code}`);
  }
  for (;;) {
    await sleep(200);
    try {
      await agent.authorize(ACTS[0]);
    } catch (error) {
      if (!(error instanceof DelegateError)) throw error;
      say(`${agent.agentName}: ${error.code}: ${error.message}`);
      return;
    }
  }
}

await (process.argv[2] === 'agent' ? work() : main());
