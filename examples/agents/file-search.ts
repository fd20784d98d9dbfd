/** Finds a word in the files of a folder, reading them through the gateway. */
import { work } from './work.ts';

await work(async ({ folder, word }: { folder: string; word: string }, { call, progress }) => {
  const listing: string = await call('files__list_directory', { path: folder });
  const files = listing
    .split('\n')
    .filter((line) => line.startsWith('[FILE] '))
    .map((line) => line.slice('[FILE] '.length));
  const found: { place: string; text: string }[] = [];
  for (const [index, name] of files.entries()) {
    const text: string = await call('files__read_text_file', { path: `${folder}/${name}` });
    for (const line of text.split('\n')) if (line.includes(word)) found.push({ place: name, text: line });
    progress(index + 1, files.length, name);
  }
  return found;
});
