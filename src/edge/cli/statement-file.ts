/** Small statements in a file, as `export` makes them: freshness, tlog-proof, in-toto. Each is judged by the log's key alone. */
import type { LogKey } from '../../authority/log-keys.ts';
import { fromDidKey, toDidKey } from '../../base/did-key.ts';
import { Refusal } from '../../base/refusal.ts';
import { isName, parseVerifierKey, verifierKey } from '../../chain/checkpoint.ts';
import { openEntry } from '../../chain/entry.ts';
import { judgeFreshness } from '../../evidence/freshness.ts';
import { openEnvelope } from '../../evidence/in-toto.ts';
import { openTlogProof } from '../../evidence/tlog.ts';
import type { Finding } from '../../evidence/verify.ts';
import { keysBy } from './log-succession.ts';

export interface Asked {
  /** did:key of the log, unless `logKey` or `succession` name it. */
  readonly trust: string;
  /** C2SP verifier key of the log. */
  readonly logKey?: string | undefined;
  /** How the log came to its key, see `log-succession.ts`; with them `trust` is the authority. */
  readonly succession?: readonly string[] | undefined;
  /** Hash of the artifact that it should be about. */
  readonly artifact?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds that a statement about freshness may be old. */
  readonly maxAge: number;
}

export interface Stated {
  readonly valid: boolean;
  readonly findings: readonly Finding[];
  /** What it says, where it is to be believed. */
  readonly says: { readonly [name: string]: string };
}

interface Kind {
  is(text: string): boolean;
  judge(text: string, asked: Asked): Stated;
}

/** Told apart without reading a bundle twice, which may be long. */
const KINDS: readonly Kind[] = [
  { is: (text) => text.length < 4096 && memberOf(text, 'type') === 'aga-freshness/v1', judge: freshness },
  { is: (text) => text.startsWith('c2sp.org/tlog-proof@v1\n'), judge: proof },
  { is: (text) => /^\s*\{\s*"payload(Type)?"\s*:/.test(text), judge: lineage },
  { is: (text) => /^old \d+\n/.test(text), judge: consistency },
];

/** Larger than any of them. */
const MOST = 16 << 20;

/** `undefined` for what is none of them. */
export function judgeStatement(bytes: Uint8Array, asked: Asked): Stated | undefined {
  if (bytes.length > MOST) return undefined;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return KINDS.find((kind) => kind.is(text))?.judge(text, asked);
}

function freshness(text: string, asked: Asked): Stated {
  const [chain = '', hash = ''] = [memberOf(text, 'chain'), memberOf(text, 'artifact_hash')];
  const { trust: authority, logKey: pinned, succession: entries = [] } = asked;
  const keys = asked.succession ? keysBy(authority, entries, pinned) : [];
  const logKey = keys[0]?.key ?? keyOf(asked, chain);
  const demand = { artifactHash: asked.artifact ?? hash, at: asked.at, maxAge: asked.maxAge };
  const judged = judgeFreshness(text, {
    ...demand,
    logKey,
    ...(keys.length > 0 && { succession: { authority, entries } }),
  });
  const isBy = (key: string): boolean =>
    judgeFreshness(text, { ...demand, logKey: key }).findings.every(({ rule }) => rule !== 'signature');
  const findings = judged.findings.map((finding) =>
    finding.rule === 'signature' ? { ...finding, message: saySigner(keys, isBy, asked) } : finding,
  );
  return told(findings, { artifact: hash, status: memberOf(text, 'status') ?? '', time: memberOf(text, 'time') ?? '' });
}

/** Who signed instead, as far as that can be known: a signature names no key. */
function saySigner(
  keys: readonly LogKey[],
  isBy: (key: string) => boolean,
  { trust, logKey, succession }: Asked,
): string {
  const at = keys.findLastIndex(({ key }) => isBy(key));
  const [by, next] = [keys[at], keys[at + 1]];
  if (by && next)
    return `It is signed by a former key of the log, ${by.key}; since entry ${next.from} it is ${next.key}.`;
  if (keys.length > 0) return `It is signed by none of the log's keys: ${keys.map(({ key }) => key).join(', ')}.`;
  if (succession) return `The file of --succession has no change of the log's key that ${trust} signed.`;
  return `It is not signed by ${logKey ?? trust}, which was taken for the log's key. Where that is the authority's or a former one, show with --succession how the log came to its key.`;
}

function proof(text: string, asked: Asked): Stated {
  const origin = text.slice(text.indexOf('\n\n') + 2).split('\n')[0] ?? '';
  const opened = openTlogProof(text, keyOf(asked, origin));
  if (!opened) return told(wrong('proof', `It does not prove that its entry is in a log of ${whose(asked)}.`), {});
  try {
    const { event, timestamp } = openEntry(opened.entry);
    return told([], { entry: String(opened.sequence), kind: event.kind, time: timestamp, log: origin });
  } catch (error) {
    return told(wrong('entry', Refusal.from(error).message), {});
  }
}

function lineage(text: string, asked: Asked): Stated {
  const { trust, logKey, artifact } = asked;
  const key = parseVerifierKey(logKey ?? '');
  const statement = openEnvelope(text, key ? toDidKey(key.publicKey) : trust);
  if (statement === undefined) return told(wrong('signature', `It is not signed by ${whose(asked)}.`), {});
  const { subject } = statement as { subject?: { name?: string; digest?: { sha256?: string } }[] }; // signed by the log, of in-toto's shape
  const [first] = subject ?? [];
  const hash = first?.digest?.sha256 ?? '';
  const isOther = artifact !== undefined && artifact !== hash;
  return told(isOther ? wrong('subject', 'The statement is about another artifact.') : [], {
    artifact: hash,
    subject: first?.name ?? '',
  });
}

function consistency(text: string): Stated {
  const [, size] = /^old (\d+)/.exec(text) ?? [];
  const message = `By itself it proves nothing: it shows that the log has only grown, to a reader who has kept its checkpoint of ${size} entries, as a witness has, or a program with openTlogConsistency.`;
  return told(wrong('consistency', message), {});
}

const whose = ({ trust, logKey }: Asked): string =>
  logKey ?? `${trust}, which was taken for the log's key: name that one with --log-key, as aga-delegate keys prints it`;

function keyOf({ trust, logKey }: Asked, origin: string): string {
  if (logKey !== undefined) return logKey;
  const key = fromDidKey(trust);
  return key && isName(origin) ? verifierKey(origin, key) : '';
}

const wrong = (rule: string, message: string): Finding[] => [{ sequence_number: null, rule, message }];

const told = (findings: readonly Finding[], says: Stated['says']): Stated => ({
  valid: findings.length === 0,
  findings,
  says: findings.length === 0 ? says : {},
});

/** A member of a document that is not judged yet, for finding one's way. */
function memberOf(text: string, member: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)?.[member];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
