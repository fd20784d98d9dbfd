/** A host whose sub-agents share one connection, and whose hook says who they are: `aga-delegate hook` with the real program. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { directory } from '../scratch.ts';
import { type Host, host } from './host.ts';
import { SERVER, served } from './program.ts';

const HOSTILE = join(import.meta.dirname, '../edge/gateway/hostile.ts');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Result = { isError?: boolean; content: { text: string }[] };
const codeOf = ({ isError, content }: Result): string | null =>
  isError ? JSON.parse(content[0]!.text).error.code : null;

let data: string;
let ws: string;
let config: string;
let lead: Host;
let child: { child_artifact_hash: string; launch: { mcpServers: object } };

beforeEach(async () => {
  const root = directory();
  [data, ws, config] = [join(root, 'data'), join(root, 'ws'), join(root, 'aga.json')];
  mkdirSync(join(ws, 'notes'), { recursive: true });
  writeFileSync(join(ws, 'secret'), 'x');
  symlinkSync(join(ws, 'secret'), join(ws, 'notes/link'));
  writeFileSync(config, JSON.stringify({ upstreams: { up: { command: process.execPath, args: [HOSTILE] } } }));
  lead = await host(data, { args: ['--config', config] });
  cleanups.push(() => lead.close());
  const all = {
    'tool.call': ['up/*', 'claude-code/*', 'other/*', 'renamed/*'],
    'fs.read': [`${ws}/**`],
    'fs.write': [`${ws}/**`],
  };
  await lead.call('aga_create_artifact', {
    permissions: { ...all, 'net.fetch': ['**'], 'agent.delegate': ['*'], 'mcp.resource': ['*'] },
  });
  child = await lead.call('aga_delegate_to_subagent', {
    sub_agent_id: 'reader',
    permissions: {
      'tool.call': [
        'up/echo',
        'claude-code/Read',
        'claude-code/G*',
        'claude-code/WebFetch',
        'claude-code/Bash',
        'other/look',
      ],
      'fs.read': [`${ws}/notes/**`],
      'net.fetch': ['https://example.com/**'],
    },
    argument_rules: [{ tool: 'claude-code/Bash', arguments: { command: { one_of: ['git status'] } } }],
  });
});

interface Said {
  /** Why it is refused; null where nothing is said. */
  readonly no: string | null;
  readonly status: number | null;
}

let uses = 0;
function hook(
  tool: string,
  input: object,
  agent: string | null = 'reader',
  args: readonly string[] = [],
): Said & { use: string } {
  uses += 1;
  const use = `toolu_${uses}`;
  const who = agent === null ? {} : { agent_id: 'a1', agent_type: agent };
  const told = { session_id: 's', hook_event_name: 'PreToolUse', cwd: join(ws, 'notes'), tool_use_id: use };
  return { ...tell(JSON.stringify({ ...told, ...who, tool_name: tool, tool_input: input }), args), use };
}

function tell(input: string, args: readonly string[] = []): Said {
  const done = spawnSync(process.execPath, [SERVER, 'hook', '--data-dir', data, '--config', config, ...args], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  if (done.stdout === '') return { no: null, status: done.status };
  // Also where something is printed around the JSON, the host heeds the exit code and shows what stands here.
  expect(done.stderr).not.toBe('');
  const { hookEventName, permissionDecision, permissionDecisionReason } = JSON.parse(done.stdout).hookSpecificOutput;
  expect([hookEventName, permissionDecision]).toEqual(['PreToolUse', 'deny']);
  return { no: permissionDecisionReason, status: done.status };
}

const PASSES = { no: null, status: 0 };
const REFUSED = { no: expect.stringContaining('PERMISSION_DENIED'), status: 2 };

describe('what a host itself can do', () => {
  it('is judged by name, by file and by URL, for the agent that the host names', async () => {
    expect(hook('Read', { file_path: join(ws, 'notes/a.md'), limit: 10 })).toMatchObject(PASSES);
    expect(hook('Read', { file_path: join(ws, 'secret') })).toMatchObject(REFUSED);
    expect(hook('Read', { file_path: join(ws, 'notes/link') })).toMatchObject(REFUSED);
    expect(hook('Read', { file_path: `${ws}/notes/../secret` }).no).not.toBe(null);
    expect(hook('Write', { file_path: join(ws, 'notes/a.md'), content: '' })).toMatchObject(REFUSED);
    expect(hook('WebFetch', { url: 'https://example.com/a', prompt: 'x' })).toMatchObject(PASSES);
    expect(hook('WebFetch', { url: 'https://example.com@evil.test/', prompt: 'x' })).toMatchObject(REFUSED);
    expect(hook('Grep', { pattern: 'x' })).toMatchObject(PASSES);
    expect(hook('Grep', { pattern: 'x', path: ws })).toMatchObject(REFUSED);
    expect(hook('Glob', { pattern: '../**' }).no).toContain('INVALID_REQUEST');
    expect(hook('Glob', { pattern: '/etc/*' }).no).toContain('INVALID_REQUEST');
    expect(hook('Bash', { command: 'git status' })).toMatchObject(PASSES);
    expect(hook('Bash', { command: 'git status; cat ../secret' })).toMatchObject(REFUSED);
    expect(hook('mcp__other__look', { path: '/etc' })).toMatchObject(PASSES);
    expect(hook('mcp__other__erase', {})).toMatchObject(REFUSED);
    // A server that was started for one artifact knows whom it serves.
    const own = Object.keys(child.launch.mcpServers)[0]!;
    expect(hook(`mcp__${own}__up__pid`, {})).toMatchObject(PASSES);
    expect(hook('mcp__aga-reader-00000000__up__pid', {})).toMatchObject(REFUSED);
    // And the one of another agent would serve it as if it were that one.
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'other' });
    expect(hook(`mcp__${own}__up__pid`, {}, 'other')).toMatchObject(REFUSED);
    // The tool of a server that is called aga-delegate__evil.
    expect(hook('mcp__aga-delegate__evil__tool', {})).toMatchObject(REFUSED);
    const { entries } = await lead.call('aga_query_chain', { kind: 'DECISION' });
    const first = entries.at(0).event;
    expect([first.binding, first.tool, first.artifact_hash]).toEqual([
      'hook',
      'claude-code/Read',
      child.child_artifact_hash,
    ]);
    expect((await lead.call('aga_verify')).valid).toBe(true);
  });

  it('is left to the host for its own agent, unless that has an artifact', () => {
    expect(hook('Write', { file_path: '/etc/passwd', content: '' }, null)).toMatchObject(PASSES);
    const bound = ['--artifact', child.child_artifact_hash];
    expect(hook('Write', { file_path: '/etc/passwd', content: '' }, null, bound)).toMatchObject(REFUSED);
    expect(hook('Read', { file_path: join(ws, 'notes/a.md') }, null, bound)).toMatchObject(PASSES);
  });

  it('is told from that of a sub-agent by the id that only those have', () => {
    const told = { hook_event_name: 'PreToolUse', tool_name: 'Read', tool_input: { file_path: '/etc/passwd' } };
    expect(tell(JSON.stringify({ ...told, agent_type: 'started-as' }))).toMatchObject(PASSES);
    expect(tell(JSON.stringify({ ...told, agent_id: 'a1' }))).toMatchObject(REFUSED);
  });

  it('never changes what the host asks a hook, whatever the artifact permits', async () => {
    const permissions = { 'tool.call': ['claude-code/*'], 'fs.read': [`${ws}/**`], 'fs.write': [`${ws}/**`] };
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'writer', permissions });
    mkdirSync(join(ws, '.claude/agents'), { recursive: true });
    symlinkSync(join(ws, '.claude'), join(ws, 'plain'));
    const write = (path: string) => hook('Write', { file_path: join(ws, path), content: '{}' }, 'writer');
    for (const path of ['.claude/settings.local.json', '.mcp.json', '.claude/agents/boss.md', 'plain/agents/boss.md'])
      expect(write(path).no).toContain('decides what the host asks a hook. No artifact permits this');
    expect(write('.claude/worktrees/a/notes.md')).toMatchObject(PASSES);
    expect(write('claude/settings.json')).toMatchObject(PASSES);
    expect(hook('Read', { file_path: join(ws, '.mcp.json') }, 'writer')).toMatchObject(PASSES);
  });

  it('nor where that stands behind a link, or in a folder that the host was told of', async () => {
    const permissions = { 'tool.call': ['claude-code/*'], 'fs.read': [`${ws}/**`], 'fs.write': [`${ws}/**`] };
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'writer', permissions });
    for (const folder of ['dotfiles/claude', 'dotfiles/skills', 'told'])
      mkdirSync(join(ws, folder), { recursive: true });
    // As programs that look after dotfiles do: a folder, a folder in it, a file that does not exist yet.
    symlinkSync('dotfiles/claude', join(ws, '.claude'));
    symlinkSync('../skills', join(ws, 'dotfiles/claude/skills'));
    symlinkSync('dotfiles/servers.json', join(ws, '.mcp.json'));
    vi.stubEnv('CLAUDE_CONFIG_DIR', join(ws, 'told'));
    cleanups.push(() => vi.unstubAllEnvs());
    const write = (path: string) => hook('Write', { file_path: join(ws, path), content: '{}' }, 'writer');
    for (const path of [
      'dotfiles/claude/settings.local.json',
      'dotfiles/skills/a/SKILL.md',
      'dotfiles/servers.json',
      'told/settings.json',
      'told/agents/boss.md',
    ])
      expect(write(path).no).toContain('decides what the host asks a hook. No artifact permits this');
    for (const path of ['dotfiles/claude/notes.md', 'dotfiles/servers.json.md', 'told/notes.md'])
      expect(write(path)).toMatchObject(PASSES);
  });

  it('is refused in time where a folder is on a file system that does not answer, the host’s own among them', async () => {
    const permissions = { 'tool.call': ['claude-code/*'], 'fs.read': [`${ws}/**`], 'fs.write': [`${ws}/**`] };
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'writer', permissions });
    // Opening a pipe holds a thread until somebody writes, as a question about a dead folder does.
    const [pipe, dead] = [join(data, 'pipe'), join(data, 'dead.cjs')];
    execFileSync('mkfifo', [pipe]);
    const opening = `open(${JSON.stringify(pipe)}, 'r')`;
    writeFileSync(
      dead,
      `const fs = require('node:fs/promises');
      const { realpath } = fs;
      fs.realpath = (path) => (path.startsWith(${JSON.stringify(join(ws, 'notes'))}) ? fs.${opening} : realpath(path));`,
    );
    vi.stubEnv('NODE_OPTIONS', `--require=${dead}`);
    cleanups.push(() => vi.unstubAllEnvs());
    const late = { no: expect.stringContaining('UPSTREAM_FAILED'), status: 2 };
    expect(hook('Read', { file_path: join(ws, 'notes/a.md') }, 'writer')).toMatchObject(late);
    expect(hook('Write', { file_path: join(ws, 'other/a.md'), content: '' }, 'writer')).toMatchObject(late);
    expect(hook('Read', { file_path: join(ws, 'other/a.md') }, 'writer')).toMatchObject(PASSES);
  }, 80_000);

  it('is refused with what would be permitted', () => {
    expect(hook('Glob', { pattern: '../**' }).no).toContain('The pattern leads out of its folder. Name the folder');
    expect(hook('Read', { file_path: join(ws, 'secret') }).no).toContain(
      `not matched by any pattern. Permitted is {"fs.read":["${ws}/notes/**"]}.`,
    );
  });

  it('is refused by its name where nothing else is known of it, and reaches no agent or resource through the host', async () => {
    expect(hook('Monitor', { description: 'm', timeout_ms: 1, command: 'git status' })).toMatchObject(REFUSED);
    expect(hook('Skill', { skill: 'x' })).toMatchObject(REFUSED);
    expect(hook('ToolSearch', { query: 'select:WebFetch', max_results: 5 })).toMatchObject(PASSES);
    await lead.call('aga_delegate_to_subagent', {
      sub_agent_id: 'boss',
      permissions: { 'tool.call': ['claude-code/*'], 'agent.delegate': ['reader'], 'mcp.resource': ['up'] },
    });
    const starts = (input: object) => hook('Agent', { description: 'd', prompt: 'p', ...input }, 'boss');
    expect(starts({ subagent_type: 'reader' })).toMatchObject(PASSES);
    expect(starts({ subagent_type: 'writer' })).toMatchObject(REFUSED);
    expect(starts({})).toMatchObject(REFUSED);
    const opens = (server: string) => hook('ReadMcpResourceTool', { server, uri: 'a://b' }, 'boss');
    expect(opens('up')).toMatchObject(PASSES);
    expect(opens('aga-delegate')).toMatchObject(REFUSED);
  });

  it('is nothing for a sub-agent whose name is that of two artifacts', async () => {
    const twin = await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'reader' });
    const read = (agent: string) => hook('Read', { file_path: join(ws, 'notes/a.md') }, agent);
    expect(read('reader').no).toContain('Revoke all but one');
    expect(read(Object.keys(child.launch.mcpServers)[0]!)).toMatchObject(PASSES);
    await lead.call('aga_revoke_artifact', { artifact_hash: twin.child_artifact_hash, reason: 'twin' });
    expect(read('reader')).toMatchObject(PASSES);
  });

  it('is nothing for a sub-agent that nobody has delegated to', () => {
    for (const agent of ['Explore', '', 'aga-reader-00000000'])
      expect(hook('Read', { file_path: join(ws, 'notes/a.md') }, agent)).toMatchObject(REFUSED);
  });

  it('ends with the artifact', async () => {
    await lead.call('aga_revoke_artifact', { artifact_hash: child.child_artifact_hash, reason: 'done' });
    expect(hook('Read', { file_path: join(ws, 'notes/a.md') }).no).toContain('ARTIFACT_REVOKED');
  });

  it('is refused whenever anything is wrong', () => {
    for (const told of [
      '',
      'null',
      '{}',
      '{"hook_event_name":"PreToolUse","tool_name":"Read","tool_name":"x","tool_input":{}}',
    ])
      expect(tell(told)).toMatchObject({ no: expect.stringContaining('INVALID_REQUEST'), status: 2 });
    expect(hook('Read', {}, 'reader', ['--artifact', 'f'.repeat(64)]).no).not.toBe(null);
    writeFileSync(config, 'no JSON');
    expect(hook('Read', { file_path: join(ws, 'notes/a.md') }).no).not.toBe(null);
  });
});

describe('a call over the connection that all agents share', () => {
  const call = async (name: string, use: string): Promise<Result> =>
    (await lead.request('tools/call', { name, arguments: {}, _meta: { 'claudecode/toolUseId': use } }))
      .result as unknown as Result;
  const ours = (tool: string, agent: string | null = 'reader') => hook(`mcp__aga-delegate__${tool}`, {}, agent);

  it('is made under the artifact of the agent that the hook has named', async () => {
    const name = Object.keys(child.launch.mcpServers)[0]!;
    for (const agent of ['reader', name]) {
      const said = ours('up__pid', agent);
      expect(said).toMatchObject(PASSES);
      expect(codeOf(await call('up__pid', said.use))).toBe('PERMISSION_DENIED');
      expect(codeOf(await call('up__echo', ours('up__echo', agent).use))).toBe(null);
    }
    expect(codeOf(await call('up__pid', ours('up__pid', null).use))).toBe(null);
    expect(codeOf(await call('aga_create_artifact', ours('aga_create_artifact').use))).toBe('NOT_OPERATOR');
    const { entries } = await lead.call('aga_query_chain', {
      kind: 'DECISION',
      artifact_hash: child.child_artifact_hash,
    });
    expect(new Set(entries.map(({ event }: { event: { binding: string } }) => event.binding))).toEqual(
      new Set(['hook']),
    );
  });

  it('is that agent’s also where the hook does not know what the host calls this server', async () => {
    await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'any', permissions: { 'tool.call': ['renamed/*'] } });
    const named = (tool: string, agent: string) => hook(`mcp__renamed__${tool}`, {}, agent);
    const said = named('aga_create_artifact', 'any');
    expect(said).toMatchObject(PASSES);
    expect(codeOf(await call('aga_create_artifact', said.use))).toBe('NOT_OPERATOR');
    const stranger = named('aga_create_artifact', 'Explore');
    expect(stranger).toMatchObject(REFUSED);
    expect(codeOf(await call('aga_create_artifact', stranger.use))).toBe('PERMISSION_DENIED');
  });

  it('by an agent without an artifact is refused where the host lets it pass', async () => {
    const said = ours('up__echo', 'Explore');
    expect(said).toMatchObject(REFUSED);
    expect(codeOf(await call('up__echo', said.use))).toBe('PERMISSION_DENIED');
  });

  it('that comes again is still that agent’s', async () => {
    const { use } = ours('up__pid');
    expect(codeOf(await call('up__pid', use))).toBe('PERMISSION_DENIED');
    expect(codeOf(await call('up__pid', use))).toBe('PERMISSION_DENIED');
  });

  it('is refused where what the hook has said cannot be read', async () => {
    const { use } = ours('up__echo');
    for (const name of readdirSync(join(data, 'calls'))) writeFileSync(join(data, 'calls', name), 'x');
    expect(codeOf(await call('up__echo', use))).toBe('INTERNAL');
  });

  it('is refused where nobody can tell whether the hook has said anything', async () => {
    const { use } = ours('up__echo');
    const folder = join(data, 'calls');
    rmSync(folder, { recursive: true });
    // A folder that a loop of links leads to cannot be looked into, even by root.
    symlinkSync('calls', folder);
    expect(codeOf(await call('up__echo', use))).toBe('INTERNAL');
  });

  it('is refused where the artifact asks for a stronger binding', async () => {
    const strict = await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'strict', min_binding: 'process' });
    expect(strict.child_artifact_hash).toMatch(/^[0-9a-f]{64}$/);
    expect(codeOf(await call('up__echo', ours('up__echo', 'strict').use))).toBe('PERMISSION_DENIED');
  });

  it('over a connection that has an artifact is made by who is below it, or not at all', async () => {
    const other = await lead.call('aga_delegate_to_subagent', { sub_agent_id: 'other' });
    const agent = await host(data, { args: ['--config', config, '--artifact', other.child_artifact_hash] });
    cleanups.push(() => agent.close());
    const { use } = ours('up__echo');
    const params = { name: 'up__echo', arguments: {}, _meta: { 'claudecode/toolUseId': use } };
    expect(codeOf((await agent.request('tools/call', params)).result as unknown as Result)).toBe('ARTIFACT_NOT_FOUND');
  });
});

describe('a server that requires the hook', () => {
  const USE = 'claudecode/toolUseId';
  const ask = async ({ request }: Host, _meta: object, name = 'aga_inspect'): Promise<Result> =>
    (await request('tools/call', { name, arguments: {}, _meta })).result as unknown as Result;
  let strict: Host;

  beforeEach(async () => {
    writeFileSync(config, JSON.stringify({ require_hook: true }));
    strict = await host(data, { args: ['--config', config] });
    cleanups.push(() => strict.close());
  });

  it('refuses a call of Claude Code that the hook has not announced, and hears other clients', async () => {
    const refused = await ask(strict, { [USE]: 'toolu_unannounced' });
    expect([codeOf(refused), refused.content[0]?.text]).toEqual([
      'PERMISSION_DENIED',
      expect.stringContaining('the hook of docs/hosts.md must run'),
    ]);
    expect(codeOf(await ask(strict, {}))).not.toBe('PERMISSION_DENIED');
    expect(codeOf(await ask(lead, { [USE]: 'toolu_unannounced' }))).toBe(null);
  });

  it('hears the host’s own agent, and each sub-agent as itself', async () => {
    const ours = (agent: string | null) => hook('mcp__aga-delegate__aga_create_artifact', {}, agent);
    const create = (said: Said & { use: string }) => ask(strict, { [USE]: said.use }, 'aga_create_artifact');
    const own = ours(null);
    expect(own).toMatchObject(PASSES);
    expect(codeOf(await create(own))).toBe(null);
    expect(codeOf(await create(ours('reader')))).toBe('NOT_OPERATOR');
    expect(codeOf(await create(ours('Explore')))).toBe('PERMISSION_DENIED');
  });

  it('hears an agent at the server that was started for it, as whom that serves', async () => {
    const { child_artifact_hash: hash, launch } = child;
    const agent = await host(data, { args: ['--config', config, '--artifact', hash] });
    cleanups.push(() => agent.close());
    const name = Object.keys(launch.mcpServers)[0]!;
    const said = hook(`mcp__${name}__aga_inspect`, {}, name);
    expect(said).toMatchObject(PASSES);
    expect(codeOf(await ask(agent, { [USE]: said.use }))).toBe(null);
    expect(codeOf(await ask(agent, { [USE]: 'toolu_unannounced' }))).toBe('PERMISSION_DENIED');
  });

  it('is the authority, not who works with it through AGA_URL', () => {
    const env = {
      ...process.env,
      AGA_URL: 'http://127.0.0.1:9',
      AGA_TOKEN: `lt-delegate-${'0'.repeat(32)}.${'A'.repeat(43)}`,
    };
    const args = [SERVER, '--data-dir', data, '--config', config];
    const { status, stderr } = spawnSync(process.execPath, args, { env, input: '', encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('require_hook has to be set in the configuration of that authority'),
    ]);
  });
});

describe('a call over an HTTP connection that all agents share', () => {
  const TOKEN = 'operator-of-the-hook-story';
  let url: string;

  beforeEach(async () => {
    const server = await served(['--data-dir', data, '--config', config], { AGA_OPERATOR_TOKEN: TOKEN });
    cleanups.push(server.stop);
    url = server.url;
  });

  const ours = (tool: string, agent: string | null = 'reader') => hook(`mcp__aga-delegate__${tool}`, {}, agent);

  it('is made under the artifact of the agent that the hook has named', async () => {
    const client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
    cleanups.push(() => client.close());
    const call = (name: string, use: string) =>
      client.callTool({ name, arguments: {}, _meta: { 'claudecode/toolUseId': use } }) as Promise<Result>;
    expect(codeOf(await call('up__pid', ours('up__pid').use))).toBe('PERMISSION_DENIED');
    expect(codeOf(await call('up__echo', ours('up__echo').use))).toBe(null);
    expect(codeOf(await call('aga_create_artifact', ours('aga_create_artifact').use))).toBe('NOT_OPERATOR');
    expect(codeOf(await call('aga_inspect', ours('aga_inspect', 'Explore').use))).toBe('PERMISSION_DENIED');
    expect(codeOf(await call('aga_create_artifact', ours('aga_create_artifact', null).use))).toBe(null);
    const { entries } = await lead.call('aga_query_chain', { kind: 'DECISION' });
    expect(entries.map(({ event }: { event: { binding: string } }) => event.binding)).toEqual(['hook', 'hook']);
  });

  it('is so also through a stdio server with AGA_URL, where the hook has the data directory of the authority', async () => {
    const boss = await lead.call('aga_delegate_to_subagent', {
      sub_agent_id: 'boss',
      policy_preset: 'coordinator',
      enroll: true,
    });
    const shared = await host(directory(), { args: ['--token', boss.enrollment.token], env: { AGA_URL: url } });
    cleanups.push(() => shared.close());
    await shared.call('aga_delegate_to_subagent', { sub_agent_id: 'helper' });
    const inspect = async (use: string) => {
      const params = {
        name: 'aga_inspect',
        arguments: { view: 'lineage' },
        _meta: { 'claudecode/toolUseId': use },
      };
      const { result } = await shared.request('tools/call', params);
      return codeOf(result as unknown as Result) ?? result?.structuredContent.lineage.at(-1).subject;
    };
    expect(await inspect(ours('aga_inspect', 'helper').use)).toBe('helper');
    expect(await inspect(ours('aga_inspect', null).use)).toBe('boss');
    // Whom the lead has delegated to beside it.
    expect(await inspect(ours('aga_inspect', 'reader').use)).toBe('ARTIFACT_NOT_FOUND');
  });
});
