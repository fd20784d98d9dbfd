/** Jobs that end with their budget: the first spend that a ceiling has no room for is the end of the work below it. */
import { agentId } from '../artifact/enrolment.ts';
import { type Money, overBudget } from './budget.ts';
import type { JobEnded } from './event/job-ended.ts';
import { type Grant, isWithin, lineage } from './grant.ts';
import { hasEnded } from './job.ts';
import type { State } from './state.ts';

/**
 * What follows where `grant` is refused to spend `money`, innermost first: the ends of the jobs that it acts in and that
 * draw on the ceiling that refuses. A ceiling further down is no reason: the job above it has money left.
 */
export function endsWithBudget(state: State, grant: Grant, money: Money): JobEnded[] {
  const no = overBudget(grant, money);
  // A currency that no ceiling names cannot run out.
  if (no?.code !== 'BUDGET_EXHAUSTED') return [];
  return lineage(grant)
    .reverse()
    .flatMap((each): JobEnded[] => {
      const job = state.jobs.get(agentId(each.hash));
      if (!job?.endsWithBudget || hasEnded(job) || !isWithin(each, no.by.hash)) return [];
      const { id: job_id, artifact: child_artifact_hash, events } = job;
      return [
        {
          kind: 'JOB_ENDED',
          job_id,
          child_artifact_hash,
          event_number: events + 1,
          state: 'error',
          code: no.code,
          digest: '',
        },
      ];
    });
}
