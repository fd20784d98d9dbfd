/**
 * Writes the corpus of good and forged evidence (`test/vectors/bundles`): a file each, and `cases.json` with what was done,
 * what a judge is given beside the file, and what must be found. All keys come from fixed seeds; none is anybody's.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRUST } from '../test/evidence/forgery/case.ts';
import { corpus } from '../test/evidence/forgery/index.ts';

const FOLDER = join(import.meta.dirname, '../test/vectors/bundles');

const finding = (text: string) => {
  const [at = '*', rule = ''] = text.split(' ');
  return { sequence_number: at === '*' ? null : Number(at), rule };
};

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const cases = await corpus();
const index = cases.map(({ name, about, asked = {}, expected = {} }) => {
  const verdicts = (['integrity', 'containment', 'conduct'] as const).map((verdict) => [
    verdict,
    (expected[verdict] ?? []).map(finding),
  ]);
  const valid = verdicts.every(([, findings]) => findings?.length === 0);
  return {
    file: `${name}.json`,
    about,
    asked: { trust: TRUST, ...asked },
    expected: { valid, ...Object.fromEntries(verdicts) },
  };
});
for (const { name, bytes } of cases) writeFileSync(join(FOLDER, `${name}.json`), bytes);
writeFileSync(join(FOLDER, 'cases.json'), `${JSON.stringify(index, null, 1)}\n`);
console.log(`${cases.length} files, ${index.filter(({ expected }) => !expected.valid).length} of them forged`);
