/** Verifies a file of evidence: with what the command line gives and nothing else, so it needs no data directory. */
import { readFile } from 'node:fs/promises';
import { fromDidKey } from '../../base/did-key.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import { CannotStart } from '../../cannot-start.ts';
import { parseVerifierKey } from '../../chain/checkpoint.ts';
import { parseWitnessKey } from '../../chain/cosignature.ts';
import { type Question, type Report, type Verdict, verifyBundle } from '../../evidence/verify.ts';
import { parseDuration } from '../http/duration.ts';
import type { Given, Outcome } from './command.ts';
import { entriesIn } from './log-succession.ts';
import { progress } from './progress.ts';
import { judgeStatement, type Stated } from './statement-file.ts';
import { plain, type Side, sheet, type Terminal } from './terminal.ts';
import { usage } from './usage.ts';

type Disclosed = NonNullable<Question['disclosed']>;

/** `file` as it was named; everything else from the flags. Bad flags are usage errors (exit 2). */
export async function verifyFile(file: string, { input, options }: Given, terminal: Terminal): Promise<Outcome> {
  if (input.target !== undefined && input.target !== 'bundle')
    usage(terminal, '--target is for the chain here; a file is judged as what it is');
  const question = await questionOf(input.trust, options, terminal);
  const { trust, logKey, at } = question;
  const maxAge = ageOf(options.maxAge, terminal);
  const bytes = await bytesOf(file);
  const succession = typeof options.succession === 'string' ? entriesIn(await bytesOf(options.succession)) : undefined;
  const artifact = artifactOf(input.artifact_hash);
  const stated = judgeStatement(bytes, { trust, logKey, succession, at, maxAge, artifact });
  if (stated) return { answer: stated, failed: !stated.valid, text: (out) => toldOf(stated, out) };
  if (artifact !== undefined)
    usage(terminal, '--artifact-hash is for a statement; what a bundle is about it says itself');
  if (options.maxAge !== undefined) usage(terminal, '--max-age is for a statement of freshness');
  if (succession) usage(terminal, '--succession is for a statement of freshness; a bundle holds its own');
  const bar = progress(terminal, 'Judging the evidence');
  const report = await verifyBundle(bytes, { ...question, watch: bar.watch }).finally(bar.stop);
  return { answer: report, failed: !report.valid, text: (out) => told(report, out) };
}

const artifactOf = (hash: unknown): string | undefined => (typeof hash === 'string' ? hash : undefined);

/** Milliseconds; any age where none is given. */
function ageOf(text: unknown, terminal: Terminal): number {
  if (typeof text !== 'string') return Number.POSITIVE_INFINITY;
  return parseDuration(text) ?? usage(terminal, '--max-age is a duration such as 30s or 5m');
}

async function questionOf(
  trust: unknown,
  options: Given['options'],
  terminal: Terminal,
): Promise<Question & { readonly at: number }> {
  const {
    logKey,
    at,
    witness = [],
    quorum,
  } = options as {
    readonly logKey?: string;
    readonly at?: string;
    readonly witness?: readonly string[];
    readonly quorum?: string;
  }; // commander gives text for an option with a value, a list for a repeated one
  if (typeof trust !== 'string') usage(terminal, 'a file is verified against a key that you know: --trust did:key:…');
  if (!fromDidKey(trust)) usage(terminal, '--trust is not an Ed25519 did:key');
  if (logKey !== undefined && !parseVerifierKey(logKey)) usage(terminal, '--log-key is not a C2SP verifier key');
  if (witness.some((key) => !parseWitnessKey(key))) usage(terminal, '--witness is not the key of a C2SP witness');
  const enough = quorum === undefined ? witness.length : Number(quorum);
  if (!Number.isInteger(enough) || enough < 0 || enough > witness.length)
    usage(terminal, '--quorum is a number up to that of the witnesses');
  return {
    trust,
    logKey,
    at: at === undefined ? Date.now() : instantOf(at, terminal),
    witnesses: enough > 0 ? { keys: witness, quorum: enough } : undefined,
    disclosed: await disclosedIn(options.arguments),
  };
}

/** RFC 3339, with any offset. */
function instantOf(text: string, terminal: Terminal): number {
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;
  const time = shape.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? usage(terminal, '--at is a time such as 2026-11-20T10:00:00Z') : time;
}

async function disclosedIn(file: unknown): Promise<Disclosed> {
  if (typeof file !== 'string') return [];
  const value = parseStrict(await bytesOf(file), { maxBytes: 64 << 20 });
  if (Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null && !Array.isArray(each)))
    return value as Disclosed; // a list of objects, as was just asked
  throw new Refusal('INVALID_REQUEST', '--arguments names a file with a JSON list of argument objects.');
}

async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    return file === '-' ? Buffer.concat(await process.stdin.toArray()) : await readFile(file);
  } catch (error) {
    throw new CannotStart(`${plain(file)} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
}

const QUESTIONS = {
  integrity: 'signatures, hashes and proofs',
  containment: 'every link narrows',
  conduct: 'what happened was allowed',
} as const satisfies Partial<Record<keyof Report, string>>;

function toldOf({ valid, findings, says }: Stated, { paint }: Side): string {
  if (!valid) {
    const found = findings.map(({ rule, message }) => `    ${paint('red', rule)}: ${plain(message)}`);
    return [paint('red', '✕ the statement is refused'), ...found].join('\n');
  }
  const rows = Object.entries(says).map(([name, text]) => [name, plain(text)] as const);
  return [paint('green', "✓ the statement is the log's"), sheet(rows, paint)].join('\n');
}

export function told(report: Report, { paint }: Side): string {
  const title = report.valid ? paint('green', '✓ the evidence holds') : paint('red', '✕ the evidence is refused');
  const verdicts = (Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]).flatMap((name) => {
    const { valid, findings }: Verdict = report[name];
    const mark = valid ? paint('green', '✓') : paint('red', '✕');
    return [
      `${mark} ${name.padEnd(12)} ${paint('dim', QUESTIONS[name])}`,
      ...findings.map(({ sequence_number: at, rule, message }) => {
        const where = at === null ? 'bundle' : `entry ${at}`;
        return `    ${paint('red', where)} ${rule}: ${plain(message)}`;
      }),
    ];
  });
  return [
    title,
    ...verdicts,
    paint('dim', 'Not proven:'),
    ...report.not_proven.map((line) => `  · ${plain(line)}`),
  ].join('\n');
}
