/** Agents below agents: a request for too much at the third level, and a circle of agents that the budget ends. */
import { Lease } from 'aga-delegate/client';
import { authority } from './authority.ts';
import { site } from './site.ts';

const web = await site();
const { ctx, budgetLeft, close } = await authority({
  'tool.call': ['web/fetch'],
  'net.fetch': [`${web.origin}/**`],
  'agent.delegate': ['*', '*@*'],
  'cost.budget': ['USD:2.00'],
});
try {
  const lease = Lease.builder()
    .allow('tool.call', 'web/fetch')
    .allow('net.fetch', `${web.origin}/**`)
    .allow('agent.delegate', 'researcher@*', 'web-search@*')
    .budget('USD:1.00')
    .build();
  const planner = await ctx.delegate('planner', { start: `${web.origin}/public/`, word: 'lighthouse' }, lease);
  const { refused, allowed, pages } = (await planner.result()) as any;
  for (const { kind, agent } of (await planner.status()).events)
    if (kind === 'delegate') console.log(`planner → ${agent}`);
  console.log(
    `researcher → web-search: refused with ${refused.code}, then allowed ${allowed.map((pattern: string) => pattern.replace(web.origin, ''))}`,
  );
  console.log(`read through three levels: ${pages} of the pages that may be read (${await budgetLeft()} left)`);

  const circle = Lease.builder().allow('agent.delegate', 'relay@*').budget('USD:1.00').build();
  const relay = await ctx.delegate('relay', { level: 1 }, circle);
  const { level, ended } = (await relay.result()) as any;
  console.log(
    `a relay that calls itself came to level ${level} and was ended by ${ended} (${await budgetLeft()} left)`,
  );
} finally {
  await close();
  web.close();
}
