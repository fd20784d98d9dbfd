/**
 * The log's side of C2SP tlog-witness: what a witness is sent, and what its answer means.
 *
 * `POST <prefix>/add-checkpoint` carries the size that the witness is thought to know, a consistency proof (RFC 9162
 * section 2.1.4) from there, an empty line and the checkpoint:
 *
 *     old 20852014
 *     PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
 *
 *     example.com/behind-the-sofa
 *     20852163
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 *
 *     — example.com/behind-the-sofa Az3grlgt…
 *
 * 200 answers with signature lines. 409 with the type `text/x.tlog.size` names the size that the witness knows; anything
 * else is a no. A witness is believed in nothing but a signature by its pinned key over exactly our checkpoint.
 */
import { toBase64 } from '../base/encoding.ts';
import { readNote, type VerifierKey } from '../chain/checkpoint.ts';
import { cosignedAt } from '../chain/cosignature.ts';
import { consistencyProof } from '../chain/proof.ts';
import type { Head } from '../ports.ts';
import { type NodeSource, withNodes } from './tiles.ts';

/** The body of a request. `old`: the size that the witness has cosigned last, not above the head's; 0 for none. */
export async function submission(
  source: NodeSource,
  old: number,
  { size, checkpoint }: Pick<Head, 'size' | 'checkpoint'>,
): Promise<string> {
  // An empty tree is the beginning of any other, and a tree of itself: neither needs a proof.
  const proof =
    old === 0 || old === size ? [] : await withNodes(source, size, (nodes) => consistencyProof(nodes, old, size));
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

export interface Answer {
  readonly status: number;
  /** Its Content-Type, without parameters. */
  readonly type: string;
  readonly body: string;
}

/** Why there is no cosignature. `grave`: either this log or the witness is not what it was, and somebody must look. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly grave: boolean;
}

export type Said =
  | { readonly line: string; readonly seconds: number }
  /** The size that the witness knows: ask again from there. */
  | { readonly knows: number }
  | Trouble;

export const trouble = (code: string, message: string, grave = false): Trouble => ({ code, message, grave });

export const OTHER_HISTORY = trouble(
  'inconsistent',
  'This chain does not continue what the witness has cosigned: history was rewritten, or is damaged. Run aga-delegate verify, and keep every copy.',
  true,
);

const NOES: { readonly [status: number]: Trouble } = {
  400: trouble('refused', 'It finds the request malformed (400).'),
  403: trouble(
    'log_key',
    'It does not know this log, or by another key (403): give its operator the log key (aga-delegate keys).',
  ),
  404: trouble('unknown_log', 'It does not know this log (404): give its operator the log key (aga-delegate keys).'),
  422: OTHER_HISTORY,
  429: trouble('busy', 'It has been asked too often (429).'),
};

/** What the witness may say the time is, in POSIX seconds, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Judges an answer to the submission of `checkpoint` from `old` on. */
export function judge(
  { status, type, body }: Answer,
  asked: { readonly checkpoint: string; readonly size: number; readonly old: number },
  key: VerifierKey,
  span: Span,
): Said {
  if (status === 200) return cosignatureIn(body, asked.checkpoint, key, span);
  if (status === 409) {
    const [, digits] = /^(0|[1-9]\d{0,15})\n$/.exec(body) ?? [];
    const knows = Number(digits);
    if (type === 'text/x.tlog.size' && Number.isSafeInteger(knows)) return { knows };
    // Earlier editions of the specification answer so where two trees of one size differ.
    return asked.old === asked.size ? OTHER_HISTORY : trouble('protocol', 'It answers 409 without a tree size.');
  }
  if (status >= 300 && status < 400)
    return trouble(
      'redirect',
      `It answers with a redirect (${status}), which is not followed: add the address itself.`,
    );
  return NOES[status] ?? trouble('failed', `It answers ${status}.`);
}

function cosignatureIn(body: string, checkpoint: string, key: VerifierKey, { from, to }: Span): Said {
  const text = textOf(checkpoint);
  if (!readNote(`${text}\n${body}`)) return trouble('protocol', 'It answers 200 with something else than signatures.');
  const own = linesIn(`${text}\n${body}`).filter((line) => isBy(line, key));
  if (own.length === 0)
    return trouble('other_key', `It did not sign with the key pinned here, ${key.name}: ask its operator.`, true);
  const times = own.map((line) => cosignedAt(`${text}\n${line}`, key));
  const at = times.findIndex((time) => time !== undefined);
  const seconds = times[at];
  if (times.includes(undefined) || seconds === undefined)
    return trouble('bad_cosignature', 'Its signature is not one by the key pinned here over this checkpoint.', true);
  if (seconds < from || seconds > to)
    return trouble(
      'clock',
      `It dates its cosignature ${seconds} (POSIX seconds), which cannot be: its clock is wrong, or the one here.`,
      true,
    );
  return { line: own[at]!, seconds };
}

/** The signed part of a note, with its last line feed. */
export const textOf = (note: string): string => note.slice(0, note.lastIndexOf('\n\n') + 1);

/** Its signature lines, each with its line feed. */
export const linesIn = (note: string): string[] =>
  note
    .slice(note.lastIndexOf('\n\n') + 2)
    .split('\n')
    .slice(0, -1)
    .map((line) => `${line}\n`);

/** Whether the line claims to be by this key. */
export function isBy(line: string, { name, keyId }: VerifierKey): boolean {
  const [signature] = readNote(`x\n\n${line}`)?.signatures ?? [];
  return signature?.name === name && signature.keyId === keyId;
}
