/**
 * `node bench/jobs.ts`: what jobs and spending cost beside the commits they are made of, on a durable store.
 *
 * The agent is a function of this process that does nothing: what is left is ours. A job is two commits in
 * a row: that it was accepted, and then, where it takes no time, that it runs and has ended.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { operator } from '../src/caller.ts';
import { settings } from '../src/config.ts';
import { groundOf } from '../src/installation/ground.ts';
import type { Agent } from '../src/jobs/agent.ts';
import { jobDesk } from '../src/jobs/desk.ts';
import { fileJournal } from '../src/jobs/journal.ts';
import { filePresence } from '../src/jobs/presence.ts';
import { programAgent } from '../src/jobs/program.ts';
import { Supervisor } from '../src/jobs/supervisor.ts';
import { randomSource } from '../src/keys/random.ts';
import { BUILT_IN } from '../src/scope/preset.ts';
import { Sequencer } from '../src/sequencer/sequencer.ts';
import { Lookout } from '../src/service/lookout.ts';
import { Service } from '../src/service/service.ts';
import { fileCache } from '../src/store/file-cache.ts';
import { TOOLS } from '../src/tools/index.ts';
import type { Reader } from '../src/tools/tool.ts';
import { type Figure, median, print, times } from './measure.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'aga-bench-jobs-'));
const random = randomSource();
const { store, keys, origin } = await groundOf(settings({ 'data-dir': dataDir }, {}, process.platform), random);
const journal = fileJournal(join(dataDir, 'jobs'), Date.now);
const presence = filePresence(dataDir);
const node = {
  command: process.execPath,
  args: ['-e', 'process.stdin.resume(); console.log(`{"type":"result","result":1}`)'],
};
const agents = new Map([
  ['noop@1.0.0', answering(null)],
  ['echo@1.0.0', answering('x'.repeat(1000))],
  ['node@1.0.0', programAgent(node)],
]);
const policy = {
  presets: BUILT_IN,
  rootCeiling: null,
  rootLimits: {},
  launch: [],
  jobs: { agents: new Map([...agents.keys()].map((id) => [id, { isDefault: true }])), supervisor: presence.id },
};
const caches = { snapshot: fileCache(join(dataDir, 'snapshot')), checkpoint: fileCache(join(dataDir, 'checkpoint')) };
const world = { store, caches, keys, clock: Date.now, policy, random, origin };
// Jobs ask a reader for nothing else.
const reader = { read: store.read.bind(store), said: journal.of } as unknown as Reader;
const service = new Service(new Sequencer(world, () => reader), TOOLS);
const lookout = new Lookout(service);
const report = (error: unknown): void => console.error(error);
const supervisor = new Supervisor({
  service,
  lookout,
  journal,
  presence,
  agents,
  grace: 1000,
  environment: () => ({}),
  report,
});
service.surround(jobDesk(service, supervisor));

type Answer = { readonly [member: string]: unknown };
const self = operator();
const call = (name: string, input: object): Promise<Answer> => service.call(service.tools.get(name)!, input, self);
await call('aga_create_artifact', {
  permissions: { 'agent.delegate': ['*', '*@*'], 'tool.call': ['a/*'], 'cost.budget': ['USD:1000000'] },
  max_children: 100_000,
});
const job = (agent: string) => call('aga_dispatch_job', { agent, input: null, permissions: {}, wait_seconds: 60 });

const commit = median(await times(300, 50, () => call('aga_delegate_to_subagent', { permitted_tools: [] })));
const whole = median(await times(300, 50, () => job('noop')));
const kept = median(await times(100, 20, () => job('echo')));
const reserved: string[] = [];
const reserve = median(
  await times(300, 50, async () => {
    reserved.push(String((await call('aga_spend', { action: 'reserve', amounts: ['USD:0.01'] })).reservation_id));
  }),
);
const settle = median(
  await times(300, 50, () => call('aga_spend', { action: 'settle', reservation_id: reserved.pop() })),
);
const together = async (agent: string, count: number): Promise<number> => {
  const before = performance.now();
  await Promise.all(Array.from({ length: count }, () => job(agent)));
  return performance.now() - before;
};
const noops = median([await together('noop', 100), await together('noop', 100), await together('noop', 100)]);
const programs = await together('node', 100);
const alone = median(await times(20, 3, () => job('node')));

/** A job is a row of commits; what it takes beside them is the desk's and the journal's. */
const COMMITS = 2;
const beside = whole - COMMITS * commit;
const figures: Figure[] = [
  { name: 'a delegation (one commit)', value: commit, unit: 'ms' },
  {
    name: 'dispatch to result, agent in this process',
    value: whole,
    unit: 'ms',
    ratio: { to: 'a commit', value: whole / commit },
  },
  {
    name: `the same, less its ${COMMITS} commits`,
    value: Math.max(0, beside),
    unit: 'ms',
    ratio: { to: '1 ms', value: Math.max(0, beside), target: '<= 1', met: beside <= 1 },
  },
  { name: 'the whole with a result of 1 kB, which is flushed to a file of its own', value: kept, unit: 'ms' },
  { name: 'aga_spend reserve', value: reserve, unit: 'ms', ratio: { to: 'a commit', value: reserve / commit } },
  { name: 'aga_spend settle', value: settle, unit: 'ms', ratio: { to: 'a commit', value: settle / commit } },
  { name: '100 jobs at once, agents in this process', value: noops, unit: 'ms' },
  { name: '100 jobs at once, each a Node process', value: programs, unit: 'ms' },
  { name: 'dispatch to result, agent a Node process', value: alone, unit: 'ms' },
];
print(figures);
await supervisor.close();
lookout.close();
await service.close();
await store.close();
rmSync(dataDir, { recursive: true, force: true });
process.exit(0);

/** An agent that is no process: it answers at once. */
function answering(result: string | null): Agent {
  return {
    start(_, { began, say, gone }) {
      began();
      queueMicrotask(() => {
        say({ type: 'result', result });
        gone('it returned');
      });
      return { stop() {}, kill: async () => {} };
    },
  };
}
