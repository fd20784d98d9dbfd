/** Jobs of replicas that share a database and nothing else: what one was told, all can tell. */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemble, type Installation } from '../../src/assemble.ts';
import { operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import { fileJournal } from '../../src/jobs/journal.ts';
import { filePresence } from '../../src/jobs/presence.ts';
import { readSaying } from '../../src/jobs/saying.ts';
import { sharedPresence } from '../../src/jobs/shared-presence.ts';
import { directory } from '../scratch.ts';
import { missing, ownServer, type Server, server } from '../store/postgres.server.ts';
import { AGENTS } from './office.ts';

const self = operator();
const call = async ({ service }: Installation, name: string, input: object): Promise<any> =>
  service.call(service.tools.get(name)!, input, self);
const heard = (...lines: object[]) => lines.map((line) => readSaying(Buffer.from(JSON.stringify(line)))!);

describe.skipIf(missing !== undefined)('two replicas on PostgreSQL', () => {
  let pg: Server;
  let here: Installation;
  let there: Installation;
  let root: string;
  beforeAll(async () => {
    pg = await server();
    const url = await pg.database();
    const open = async (dataDir: string): Promise<Installation> => {
      const config = join(dataDir, 'config.json');
      writeFileSync(config, JSON.stringify({ agents: AGENTS, job_grace_seconds: 1 }));
      return assemble(settings({ 'data-dir': dataDir, config }, { AGA_DATABASE_URL: url }, process.platform));
    };
    const [first, second] = [directory(), directory()];
    here = await open(first);
    cpSync(first, second, { recursive: true });
    there = await open(second);
    const permissions = { 'agent.delegate': ['*', '*@*'], 'tool.call': ['**'] };
    root = (await call(here, 'aga_create_artifact', { permissions })).artifact_hash;
  }, 60_000);
  afterAll(async () => {
    await here?.close();
    await there?.close();
    await pg?.stop();
  });

  const dispatch = (agent: string, input: unknown) =>
    call(here, 'aga_dispatch_job', { agent, input, parent_artifact_hash: root });
  const get = (at: Installation, job_id: string, more: object = {}) => call(at, 'aga_get_job', { job_id, ...more });

  it('show the same events and the same result of a program that one of them runs', async () => {
    const say = [
      { type: 'log', message: 'a line' },
      { type: 'progress', progress: 1 },
    ];
    const { job_id } = await dispatch('worker', { say, result: { answer: '𝄞' } });
    const seen = await get(there, job_id, { wait_seconds: 10, after_event: 4 });
    expect(seen).toMatchObject({ state: 'success', result: { answer: '𝄞' } });
    const all = await get(there, job_id);
    expect(all.events.map(({ message }: any) => message)).toContain('a line');
    expect(all).toEqual(await get(here, job_id));
  });

  it('hand a job out at any of them, once, with its input', async () => {
    const { job_id } = await dispatch('far', { question: [1, 2] });
    const taken = await Promise.all(Array.from({ length: 8 }, (_, at) => (at % 2 ? here : there).jobs.take(self, 0)));
    expect(taken.filter((each) => each !== null)).toMatchObject([{ job_id, input: { question: [1, 2] } }]);
    expect(await there.jobs.say(self, job_id, heard({ type: 'result', result: 42 }))).toMatchObject({
      state: 'success',
    });
    expect(await get(here, job_id)).toMatchObject({ state: 'success', result: 42 });
  });

  it('tell a worker that waits at another one at once', async () => {
    const delays = [];
    for (let round = 0; round < 5; round++) {
      const waiting = there.jobs.take(self, 10);
      await sleep(20);
      const { job_id } = await dispatch('far', round);
      const began = performance.now();
      expect(await waiting).toMatchObject({ job_id, input: round });
      delays.push(performance.now() - began);
      await there.jobs.say(self, job_id, heard({ type: 'result', result: null }));
    }
    expect(Math.min(...delays)).toBeLessThan(100);
  });

  it('number the events of two who speak at once without a gap, and lose none of the words', async () => {
    const { job_id } = await dispatch('far', null);
    await there.jobs.take(self, 0);
    const words = Array.from({ length: 60 }, (_, at) => `word ${at}`);
    await Promise.all(
      words.map((message, at) => (at % 2 ? here : there).jobs.say(self, job_id, heard({ type: 'log', message }))),
    );
    await here.jobs.say(self, job_id, heard({ type: 'result', result: null }));
    const { events } = await get(there, job_id);
    expect(events.map(({ event_number }: any) => event_number)).toEqual(events.map((_: unknown, at: number) => at + 1));
    expect(events.flatMap(({ message }: any) => message ?? []).toSorted()).toEqual(words.toSorted());
    expect(await call(there, 'aga_verify', {})).toMatchObject({ valid: true });
  });
});

it.skipIf(missing !== undefined || process.env.AGA_TEST_DATABASE_URL !== undefined)(
  'what is said while the database is away is written when it is back, in order, and then the result',
  async () => {
    const pg = await ownServer();
    const url = await pg.database();
    const dataDir = directory();
    const config = join(dataDir, 'config.json');
    const script = `
      let n = 0;
      const timer = setInterval(() => {
        console.log(JSON.stringify({ type: 'log', message: 'word ' + n++ }));
        if (n < 10) return;
        console.log('{"type":"result","result":"kept"}');
        clearInterval(timer);
      }, 250);`;
    const talker = { command: process.execPath, args: ['-e', script] };
    writeFileSync(config, JSON.stringify({ agents: { 'talker@1': talker } }));
    const only = await assemble(settings({ 'data-dir': dataDir, config }, { AGA_DATABASE_URL: url }, process.platform));
    await call(only, 'aga_create_artifact', { permissions: { 'agent.delegate': ['*', '*@*'] } });
    const { job_id } = await call(only, 'aga_dispatch_job', { agent: 'talker', input: null, permissions: {} });
    await sleep(700);
    await pg.halt('immediate');
    await sleep(3500);
    await pg.start();
    const get = () => call(only, 'aga_get_job', { job_id });
    const state = async () => (await get().catch(() => ({ state: 'away' }))).state;
    await expect.poll(state, { timeout: 15_000, interval: 300 }).toBe('success');
    const { result, events } = await get();
    expect(result).toBe('kept');
    const words = events.flatMap(({ message }: any) => message ?? []);
    expect(words).toEqual(Array.from({ length: 10 }, (_, at) => `word ${at}`));
    expect(events.map(({ event_number }: any) => event_number)).toEqual(events.map((_: unknown, at: number) => at + 1));
    await only.close();
    await pg.stop();
  },
  40_000,
);

it('a process of another machine is gone when nothing was heard of it, and never before it was listened for', async () => {
  const journal = fileJournal(join(directory(), 'jobs'), Date.now);
  const times = { beat: 20, silent: 150, listen: 60 };
  const [here, there] = [directory(), directory()].map((path) => sharedPresence(filePresence(path), journal, times));
  there!.hold();
  for (let look = 0; look < 10; look++) {
    expect(await here!.isGone(there!.id)).toBe(false);
    await sleep(30);
  }
  there!.release();
  // A first look after a long silence proves nothing: perhaps nobody could be heard.
  await sleep(200);
  expect(await here!.isGone(there!.id)).toBe(false);
  await sleep(30);
  expect(await here!.isGone(there!.id)).toBe(false);
  await sleep(60);
  expect(await here!.isGone(there!.id)).toBe(true);
  // Nothing can be said of one that was never heard of.
  const unknown = `${'0'.repeat(12)}.${'1'.repeat(18)}`;
  expect(await here!.isGone(unknown)).toBe(false);
  await sleep(200);
  expect(await here!.isGone(unknown)).toBe(false);
  // On its own machine a lock tells at once, and holds as long as its process.
  expect(await there!.isGone(there!.id)).toBe(false);
});
