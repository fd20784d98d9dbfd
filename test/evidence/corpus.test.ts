/** The published corpus: every file is judged as its entry in `cases.json` says, which other verifiers are held against too. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/base/instant.ts';
import { type Finding, type Question, verifyBundle } from '../../src/evidence/verify.ts';
import type { Asked } from './forgery/case.ts';

const FOLDER = join(import.meta.dirname, '../vectors/bundles');

interface Published {
  readonly file: string;
  readonly about: string;
  readonly asked: Asked & { readonly trust: string };
  readonly expected: { readonly valid: boolean } & { readonly [verdict in Verdict]: readonly Place[] };
}
type Verdict = 'integrity' | 'containment' | 'conduct';
type Place = Pick<Finding, 'sequence_number' | 'rule'>;

const cases: readonly Published[] = JSON.parse(readFileSync(join(FOLDER, 'cases.json'), 'utf8'));
const places = (findings: readonly Place[]): string[] =>
  findings.map(({ sequence_number, rule }) => `${sequence_number ?? '*'} ${rule}`).sort();

const questionOf = ({ asked }: Published): Question => ({
  trust: asked.trust,
  logKey: asked.log_key,
  at: asked.at === undefined ? undefined : parseInstant(asked.at),
  witnesses: asked.witnesses,
  disclosed: asked.arguments as Question['disclosed'],
});

describe('the corpus of evidence', () => {
  it('has at least 60 forgeries, a dozen good files, and a case for every file', () => {
    const files = readdirSync(FOLDER).filter((name) => name !== 'cases.json');
    expect(cases.map(({ file }) => file).sort()).toEqual(files.sort());
    expect(cases.filter(({ expected }) => !expected.valid).length).toBeGreaterThanOrEqual(60);
    expect(cases.filter(({ expected }) => expected.valid).length).toBeGreaterThanOrEqual(12);
  });

  it.each(cases.map((each) => [each.file, each] as const))('%s', async (file, each) => {
    const report = await verifyBundle(readFileSync(join(FOLDER, file)), questionOf(each));
    const found = {
      integrity: places(report.integrity.findings),
      containment: places(report.containment.findings),
      conduct: places(report.conduct.findings),
    };
    const { integrity, containment, conduct } = each.expected;
    expect({ valid: report.valid, ...found }).toEqual({
      valid: each.expected.valid,
      integrity: places(integrity),
      containment: places(containment),
      conduct: places(conduct),
    });
    for (const finding of [...report.integrity.findings, ...report.containment.findings, ...report.conduct.findings])
      expect(finding.message).toMatch(/^.{10,600}$/s);
  });
});
