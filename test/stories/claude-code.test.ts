/**
 * A real Claude Code with a scripted model: its own MCP client, hooks, sub-agents and definitions of agents.
 *
 *     AGA_TEST_CLAUDE=/path/to/claude npx vitest run test/stories/claude-code.test.ts
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Host, host } from './host.ts';
import { SERVER, served } from './program.ts';
import { type ScriptedModel, type Scripts, scriptedModel } from './scripted-model.ts';

const CLAUDE = process.env.AGA_TEST_CLAUDE ?? '';
const OURS = 'mcp__aga-delegate__';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let root: string;
let lead: Host;
const at = (...parts: string[]): string => join(root, ...parts);
const place = (path: string, content: string | object): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), typeof content === 'string' ? content : JSON.stringify(content));
};

/** A project with our server, as README.md says, and two files to read. */
async function project(): Promise<void> {
  root = directory();
  place('ws/notes/a.md', 'permitted words');
  place('ws/secret.md', 'secret words');
  // `npx aga-delegate` finds what is installed in the project.
  mkdirSync(at('project/node_modules/.bin'), { recursive: true });
  chmodSync(SERVER, 0o755);
  symlinkSync(SERVER, at('project/node_modules/.bin/aga-delegate'));
  const args = ['-y', 'aga-delegate', '--data-dir', at('data')];
  place('project/.mcp.json', { mcpServers: { 'aga-delegate': { type: 'stdio', command: 'npx', args, env: {} } } });
  lead = await host(at('data'));
  cleanups.push(() => lead.close());
  const all = { 'tool.call': ['claude-code/*'], 'fs.read': [at('ws/**')], 'fs.write': [at('ws/**')] };
  await lead.call('aga_create_artifact', { permissions: all });
}

const trust = (): void =>
  place('home/.claude.json', { projects: { [at('project')]: { hasTrustDialogAccepted: true } } });

async function run(scripts: Scripts): Promise<ScriptedModel> {
  const model = await scriptedModel(scripts);
  cleanups.push(() => model.close());
  const env = {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
    HOME: at('home'),
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    IS_SANDBOX: '1',
  };
  // A hook's no must hold where the host asks nobody else.
  const args = ['-p', 'SCRIPT:lead', '--dangerously-skip-permissions'];
  const child = spawn(CLAUDE, args, { cwd: at('project'), env, stdio: ['ignore', 'pipe', 'pipe'] });
  cleanups.push(() => child.kill());
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect([code, said]).toEqual([0, expect.stringContaining('done')]);
  return model;
}

const starts = (name: string, script: string) =>
  ['Agent', { description: 'd', prompt: `SCRIPT:${script}`, subagent_type: name, run_in_background: false }] as const;
const reads = (file: string) => ['Read', { file_path: at('ws', file) }] as const;

/** The hook of docs/hosts.md, and a definition of an agent. */
function hooked(flags = ''): void {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/hosts.md'), 'utf8');
  const settings = /```json\n(\{ "hooks"[\s\S]*?)```/.exec(docs)?.[1] ?? '';
  place('project/.claude/settings.json', settings.replace(' hook ', ` hook --data-dir ${at('data')} ${flags}`));
  place('project/.claude/agents/reader.md', '---\nname: reader\ndescription: reads\n---\nYou read.\n');
}

/** The server over HTTP, which requires the hook, in place of the one over stdio. */
async function overHttp(): Promise<void> {
  place('aga.json', { require_hook: true });
  const token = 'operator-of-the-claude-story';
  const { url, stop } = await served(['--data-dir', at('data'), '--config', at('aga.json')], {
    AGA_OPERATOR_TOKEN: token,
  });
  cleanups.push(stop);
  const headers = { Authorization: `Bearer ${token}` };
  place('project/.mcp.json', { mcpServers: { 'aga-delegate': { type: 'http', url: `${url}/mcp`, headers } } });
}

describe.skipIf(CLAUDE === '')('a real Claude Code (AGA_TEST_CLAUDE names the program)', { timeout: 120_000 }, () => {
  beforeEach(project);

  describe('an agent of "launch"', () => {
    let name: string;
    const scripts = (): Scripts => ({
      lead: [starts(name, 'child')],
      child: [
        [`mcp__${name}__aga_inspect`, {}],
        [`mcp__${name}__aga_create_artifact`, {}],
        [`${OURS}aga_create_artifact`, {}],
        reads('secret.md'),
      ],
    });

    beforeEach(async () => {
      const { launch } = await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'reader' });
      name = Object.keys(launch.mcpServers)[0]!;
      place(`project/.claude/agents/${name}.md`, launch.claude_agent);
    });

    it('has a server of its own and no other tool', async () => {
      trust();
      const [inspected, asRoot, asLead, read] = (await run(scripts())).answers('child');
      expect(inspected).toContain('"subject":"reader"');
      expect(asRoot).toContain('NOT_OPERATOR');
      expect(asLead).toContain('No such tool');
      expect(read).toContain('No such tool');
    });

    it('does not start where the folder is not trusted', async () => {
      const model = await run(scripts());
      expect(model.answers('child')).toEqual([]);
      expect(model.answers('lead')[0]).toContain('zero tools');
    });
  });

  it('asks the hook of docs/hosts.md about everything that a sub-agent does', async () => {
    hooked();
    const permissions = { 'tool.call': ['claude-code/Read', 'claude-code/Write'], 'fs.read': [at('ws/notes/**')] };
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'reader', permissions });
    const model = await run({
      lead: [starts('reader', 'child'), starts('general-purpose', 'stranger'), reads('secret.md')],
      child: [
        reads('notes/a.md'),
        reads('secret.md'),
        ['Write', { file_path: at('ws/notes/b.md'), content: 'x' }],
        ['Bash', { command: 'id', description: 'd' }],
        starts('general-purpose', 'stranger'),
        ['ToolSearch', { query: `select:Monitor,${OURS}aga_create_artifact,${OURS}aga_inspect`, max_results: 5 }],
        ['Monitor', { description: 'd', timeout_ms: 1000, command: 'id' }],
        [`${OURS}aga_inspect`, {}],
        [`${OURS}aga_create_artifact`, {}],
      ],
      stranger: [reads('notes/a.md'), [`${OURS}aga_inspect`, {}]],
    });
    const [read, secret, written, shell, started, , monitor, inspected, asRoot] = model.answers('child');
    expect(read).toContain('permitted words');
    expect(secret).toContain(`Permitted is {"fs.read":["${at('ws/notes/**')}"]}`);
    for (const no of [written, shell, started, monitor]) expect(no).toContain('PERMISSION_DENIED');
    expect(inspected).toContain('"subject":"reader"');
    expect(asRoot).toContain('NOT_OPERATOR');
    expect(model.answers('stranger')[0]).toContain('it has no artifact');
    expect(model.answers('lead')[2]).toContain('secret words');
    const { entries } = await lead.call('aga_query_chain', { kind: 'DECISION' });
    expect(new Set(entries.map(({ event }: { event: { binding: string } }) => event.binding))).toEqual(
      new Set(['hook']),
    );
  });

  describe('a connection over HTTP that requires the hook', () => {
    const looks = { view: 'lineage' };
    const scripts = (): Scripts => ({
      lead: [[`${OURS}aga_create_artifact`, {}], starts('reader', 'child'), [`${OURS}aga_create_artifact`, {}]],
      child: [
        [`${OURS}aga_inspect`, looks],
        [`${OURS}aga_create_artifact`, {}],
      ],
    });

    beforeEach(async () => {
      await overHttp();
      await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'reader' });
    });

    it('knows who calls', async () => {
      hooked(`--config ${at('aga.json')} `);
      const model = await run(scripts());
      const [inspected, asRoot] = model.answers('child');
      expect(inspected).toContain('"subject":"reader"');
      expect(asRoot).toContain('NOT_OPERATOR');
      for (const at of [0, 2]) expect(model.answers('lead')[at]).toContain('artifact_hash');
    });

    it('hears nobody where the hooks are switched off', async () => {
      hooked(`--config ${at('aga.json')} `);
      place('project/.claude/settings.local.json', { disableAllHooks: true });
      const model = await run(scripts());
      for (const answer of [...model.answers('child'), model.answers('lead')[0], model.answers('lead')[2]])
        expect(answer).toContain('No hook has said who makes this call');
      expect(model.answers('child')).toHaveLength(2);
    });
  });
});
