/** A coordinator gives one question to two agents at once, each with just what it needs, and merges what they find. */
import { Lease } from 'aga-delegate/client';
import { authority, LIBRARY } from './authority.ts';
import { site } from './site.ts';

const web = await site();
const { ctx, close } = await authority({
  'tool.call': ['files/*', 'web/fetch'],
  'fs.read': [`${LIBRARY}/**`],
  'net.fetch': [`${web.origin}/public/**`],
  'agent.delegate': ['*', '*@*'],
  'cost.budget': ['USD:1.00'],
});
try {
  const word = 'lighthouse';
  const reader = Lease.builder()
    .allow('tool.call', 'files/list_directory', 'files/read_text_file')
    .allow('fs.read', `${LIBRARY}/**`)
    .expiresIn('2m')
    .build();
  const browser = Lease.builder()
    .allow('tool.call', 'web/fetch')
    .allow('net.fetch', `${web.origin}/public/**`)
    .budget('USD:0.60')
    .expiresIn('2m')
    .build();

  const [files, pages] = await Promise.all([
    ctx.delegate('file-search', { folder: LIBRARY, word }, reader),
    ctx.delegate('web-search@1.0.0', { start: `${web.origin}/public/`, word }, browser),
  ]);
  const watching = (async () => {
    for await (const { event_number, kind, message, state } of pages.events())
      console.log(`  web-search ${event_number}: ${kind} ${state ?? message ?? ''}`);
  })();
  const [inFiles, onPages] = (await Promise.all([files.result(), pages.result(), watching])) as any[];

  console.log(`"${word}" was found:`);
  for (const { place, text } of [...inFiles, ...onPages.found])
    console.log(`  ${place.replace(web.origin, '')}: ${text}`);
} finally {
  await close();
  web.close();
}
