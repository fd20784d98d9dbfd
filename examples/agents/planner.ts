/** The second of three levels: hands the question on to a researcher, with less than it has itself. */
import { work } from './work.ts';

await work(async ({ start, word }: { start: string; word: string }, { call, log }) => {
  const { origin } = new URL(start);
  log('asking a researcher');
  const job = await call('aga_dispatch_job', {
    agent: 'researcher',
    input: { start, word },
    permissions: {
      'tool.call': ['web/fetch'],
      'net.fetch': [`${origin}/public/**`],
      'agent.delegate': ['web-search@*'],
      'cost.budget': ['USD:0.50'],
    },
    wait_seconds: 20,
  });
  if (job.state !== 'success') throw Object.assign(new Error(job.error.message), { code: job.error.code });
  return { planner: 'done', ...job.result };
});
