/** The offline verifier: evidence × trusted keys × an instant → a report. Pure, so it also runs in a browser. */
import { claimedSize } from '../chain/checkpoint.ts';
import { judgeBelonging } from './belonging.ts';
import { judgeElements, openDocument } from './document.ts';
import { judgeIntegrity } from './integrity.ts';
import { notProven } from './not-proven.ts';
import { type OpenedBundle, openBundle } from './open.ts';
import type { Question } from './question.ts';
import { isReceipts, verifyReceipts } from './receipts/verify.ts';
import { replay } from './replay.ts';
import { Findings, type Report, unreadable } from './report.ts';

export type { Question, Trust } from './question.ts';
export type { Finding, Report, Verdict } from './report.ts';

/** Verifies a bundle or governance receipts. Never throws on bad evidence: every fault is a finding. */
export async function verifyBundle(bytes: Uint8Array | string, question: Question): Promise<Report> {
  const integrity = new Findings();
  const document = openDocument(bytes, integrity);
  if (!document) return unreadable(integrity);
  const { value, cut } = document;
  if (isReceipts(value))
    return !cut || judgeElements(cut, integrity) ? verifyReceipts(value, question) : unreadable(integrity);
  const bundle = openBundle(document, bytes, integrity, (done, total) => question.watch?.(Math.floor(done / 2), total));
  return bundle ? judge(bundle, question, integrity) : unreadable(integrity);
}

async function judge(bundle: OpenedBundle, question: Question, integrity: Findings): Promise<Report> {
  const keys = await judgeIntegrity(bundle, question, integrity);
  const { extent, pass } = judgeBelonging(bundle, integrity);
  const verdicts = { integrity, containment: new Findings(), conduct: new Findings() };
  const { numbers } = bundle.survey;
  const size = claimedSize(bundle.contents.checkpoint) ?? 0;
  const complete = numbers.length === size && numbers.every((number, i) => number === i);
  const watch = (done: number): void => question.watch?.(Math.floor((numbers.length + done) / 2), numbers.length);
  const replayed = replay(
    pass(bundle.entries),
    { complete, extent, disclosed: question.disclosed ?? [], watch },
    verdicts,
  );
  const [whole, narrow, lawful] = [integrity.verdict, verdicts.containment.verdict, verdicts.conduct.verdict];
  return {
    valid: whole.valid && narrow.valid && lawful.valid,
    integrity: whole,
    containment: narrow,
    conduct: lawful,
    not_proven: notProven({
      bundle,
      size,
      complete,
      extent,
      replayed,
      quorum: question.witnesses?.quorum ?? 0,
      keyPinned: question.logKey !== undefined && keys.at(-1)?.key === question.logKey,
    }),
  };
}
