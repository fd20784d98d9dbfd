/** Gives its work to another of its own kind, for ever: the budget that they share ends it. */
import { Refused, work } from './work.ts';

await work(async ({ level }: { level: number }, { call, log }) => {
  try {
    const { reservation_id } = await call('aga_spend', { action: 'reserve', amounts: ['USD:0.25'] });
    await call('aga_spend', { action: 'settle', reservation_id });
    const next = { agent: 'relay', input: { level: level + 1 }, wait_seconds: 60 };
    const job = await call('aga_dispatch_job', { ...next, permissions: { 'agent.delegate': ['relay@*'] } });
    if (job.state !== 'success') throw new Refused({ ...job.error, detail: null });
    return job.result;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    log(`level ${level}: ${error.code}`);
    return { level, ended: error.code };
  }
});
