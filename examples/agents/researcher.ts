/** The third level: asks for more than it has, reads in the refusal what it could have, and asks for that. */
import { Refused, work } from './work.ts';

await work(async ({ start, word }: { start: string; word: string }, { call, log }) => {
  const { origin } = new URL(start);
  const ask = (patterns: readonly string[]) =>
    call('aga_dispatch_job', {
      agent: 'web-search',
      input: { start, word },
      permissions: { 'tool.call': ['web/fetch'], 'net.fetch': patterns, 'cost.budget': ['USD:0.30'] },
      wait_seconds: 20,
    });
  let refused: { code: string; excess: unknown } | null = null;
  let patterns: readonly string[] = [`${origin}/**`];
  try {
    await ask(patterns);
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'LEASE_SUBSET_VIOLATION') throw error;
    refused = { code: error.code, excess: error.detail.excess };
    patterns = error.detail.nearest_allowed.permissions['net.fetch'];
    log(`refused, and trying again with ${patterns.join(', ')}`);
  }
  const job = await ask(patterns);
  if (job.state !== 'success') throw Object.assign(new Error(job.error.message), { code: job.error.code });
  return { refused, allowed: patterns, ...job.result };
});
