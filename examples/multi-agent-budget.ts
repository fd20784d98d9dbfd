/** Agents that work at once under one ceiling: who asks for more than is left is refused, and what is not spent comes back. */
import { DelegateError, type Job, Lease } from 'aga-delegate/client';
import { authority } from './authority.ts';
import { site } from './site.ts';

const web = await site();
const { ctx, budgetLeft, close } = await authority({
  'tool.call': ['web/fetch'],
  'net.fetch': [`${web.origin}/public/**`],
  'agent.delegate': ['*', '*@*'],
  'cost.budget': ['USD:1.20'],
});
/** A page costs USD:0.10; the site has four. */
const search = (lease: Lease): Promise<Job> =>
  ctx.delegate('web-search', { start: `${web.origin}/public/`, word: 'lighthouse' }, lease);
const browser = () => Lease.builder().allow('tool.call', 'web/fetch').allow('net.fetch', `${web.origin}/public/**`);
const say = async (what: string): Promise<void> =>
  console.log(`${what}; the coordinator has ${await budgetLeft()} left`);

try {
  await say('A ceiling of USD:1.2 for everybody');
  const slice = browser().budget('USD:0.50').build();
  const [one, two] = [await search(slice), await search(slice)];
  await say('Two agents got USD:0.50 each');
  const refused = await search(slice).catch((error: DelegateError) => error);
  if (!(refused instanceof DelegateError)) throw new Error('a third slice was given out');
  await say(`A third was refused with ${refused.code}`);

  await Promise.all([one.result(), two.result()]);
  await say('Both read four pages and returned the rest');

  const pool = browser().build();
  const shared = await Promise.all([search(pool), search(pool)]);
  const results = (await Promise.all(shared.map((job) => job.result()))) as any[];
  const pages = results.map((result) => `${result.pages}${result.complete ? '' : ' (cut short)'}`);
  await say(`Two agents shared that and read ${pages.join(' and ')} pages`);
} finally {
  await close();
  web.close();
}
