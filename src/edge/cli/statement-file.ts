/** Small statements in a file, as `export` makes them: freshness, tlog-proof, in-toto. Each is judged by the log's key alone. */
import { fromDidKey, toDidKey } from '../../base/did-key.ts';
import { Refusal } from '../../base/refusal.ts';
import { isName, parseVerifierKey, verifierKey } from '../../chain/checkpoint.ts';
import { openEntry } from '../../chain/entry.ts';
import { judgeFreshness } from '../../evidence/freshness.ts';
import { openEnvelope } from '../../evidence/in-toto.ts';
import { openTlogProof } from '../../evidence/tlog.ts';
import type { Finding } from '../../evidence/verify.ts';

export interface Asked {
  /** did:key of the log, unless `logKey` names it. */
  readonly trust: string;
  /** C2SP verifier key of the log. */
  readonly logKey?: string | undefined;
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
  const demand = {
    artifactHash: asked.artifact ?? hash,
    logKey: keyOf(asked, chain),
    at: asked.at,
    maxAge: asked.maxAge,
  };
  const { findings } = judgeFreshness(text, demand);
  return told(findings, { artifact: hash, status: memberOf(text, 'status') ?? '', time: memberOf(text, 'time') ?? '' });
}

function proof(text: string, asked: Asked): Stated {
  const origin = text.slice(text.indexOf('\n\n') + 2).split('\n')[0] ?? '';
  const opened = openTlogProof(text, keyOf(asked, origin));
  if (!opened) return told(wrong('proof', 'It does not prove that the log with this key holds the entry.'), {});
  try {
    const { event, timestamp } = openEntry(opened.entry);
    return told([], { entry: String(opened.sequence), kind: event.kind, time: timestamp, log: origin });
  } catch (error) {
    return told(wrong('entry', Refusal.from(error).message), {});
  }
}

function lineage(text: string, { trust, logKey, artifact }: Asked): Stated {
  const key = parseVerifierKey(logKey ?? '');
  const statement = openEnvelope(text, key ? toDidKey(key.publicKey) : trust);
  if (statement === undefined) return told(wrong('signature', "It is not a statement signed by the log's key."), {});
  const { subject } = statement as { subject?: { name?: string; digest?: { sha256?: string } }[] }; // signed by the log, of in-toto's shape
  const [first] = subject ?? [];
  const hash = first?.digest?.sha256 ?? '';
  const isOther = artifact !== undefined && artifact !== hash;
  return told(isOther ? wrong('subject', 'The statement is about another artifact.') : [], {
    artifact: hash,
    subject: first?.name ?? '',
  });
}

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
