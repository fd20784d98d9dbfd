/** A worker that waits for a job is told of it, and does not only find it when it happens to look. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import { readSaying } from '../../src/jobs/saying.ts';
import { directory } from '../scratch.ts';
import { AGENTS } from './office.ts';

it('has the job that this process accepts at once, each once however many wait', async () => {
  const dataDir = directory();
  const config = join(dataDir, 'config.json');
  writeFileSync(config, JSON.stringify({ agents: AGENTS }));
  const { service, jobs, close } = await assemble(settings({ 'data-dir': dataDir, config }, {}, process.platform));
  const self = operator();
  const call = async (name: string, input: object): Promise<any> => service.call(service.tools.get(name)!, input, self);
  const permissions = { 'agent.delegate': ['*', '*@*'] };
  const { artifact_hash: parent_artifact_hash } = await call('aga_create_artifact', { permissions });
  const delays = [];
  for (let round = 0; round < 5; round++) {
    const waiting = Array.from({ length: 3 }, () => jobs.take(self, 0.6));
    // They have looked for the first time.
    await sleep(20);
    const dispatched = { agent: 'far', input: round, permissions: {}, parent_artifact_hash };
    const { job_id } = await call('aga_dispatch_job', dispatched);
    const began = performance.now();
    await Promise.race(waiting.map(async (each) => (await each) ?? sleep(1000)));
    delays.push(performance.now() - began);
    const taken = (await Promise.all(waiting)).filter((each) => each !== null);
    expect(taken).toMatchObject([{ job_id, input: round }]);
    await jobs.say(self, job_id, [readSaying(Buffer.from('{"type":"result","result":null}'))!]);
  }
  expect(Math.min(...delays)).toBeLessThan(80);
  const began = performance.now();
  expect(await jobs.take(self, 0.1)).toBeNull();
  expect(performance.now() - began).toBeLessThan(900);
  await close();
});
