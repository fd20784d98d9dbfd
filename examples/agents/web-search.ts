/** Finds a word in the pages of a site, fetching them through the gateway; ends early when its budget is gone, and says so. */
import { Refused, work } from './work.ts';

const MOST_PAGES = 20;

await work(async ({ start, word }: { start: string; word: string }, { call, progress, log }) => {
  const [seen, waiting] = [new Set<string>([start]), [start]];
  const found: { place: string; text: string }[] = [];
  let pages = 0;
  for (let url = waiting.shift(); url !== undefined && pages < MOST_PAGES; url = waiting.shift()) {
    let page: string;
    try {
      page = await call('web__fetch', { url });
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== 'BUDGET_EXHAUSTED') throw error;
      log(`the budget is gone after ${pages} pages`);
      return { found, pages, complete: false };
    }
    pages += 1;
    for (const line of page.split('\n'))
      if (line.includes(word)) found.push({ place: url, text: line.replace(/<[^>]*>/g, '') });
    for (const [, link = ''] of page.matchAll(/href="([^"]+)"/g)) {
      const next = new URL(link, url).href;
      if (!seen.has(next)) waiting.push(next);
      seen.add(next);
    }
    progress(pages, seen.size, url);
  }
  return { found, pages, complete: true };
});
