/** Checkpoints that witnesses have cosigned: how they are kept, and which one evidence stands on. */
import { toHex } from '../base/encoding.ts';
import { claimedSize, openCheckpoint, parseVerifierKey, readNote, type VerifierKey } from '../chain/checkpoint.ts';
import { cosignedAt } from '../chain/cosignature.ts';
import { rootOf } from '../chain/proof.ts';
import type { Head } from '../ports.ts';
import { type NodeSource, withNodes } from './tiles.ts';
import { isBy, linesIn, textOf } from './witness.ts';

export interface Cosigned {
  /** Number of entries. */
  readonly size: number;
  readonly root: Uint8Array;
  /** The note with the log's signature and the cosignatures below. */
  readonly note: string;
  readonly by: readonly { readonly name: string; readonly keyId: string; readonly seconds: number }[];
}

/** Where such checkpoints come from; absent if none are kept. */
export interface CosignedSource extends NodeSource {
  /** Newest first. */
  cosigned?(): Promise<readonly Cosigned[]>;
}

/** Sizes of which the cosignatures are kept, beside the newest one of every witness. */
const KEPT = 16;

/** The kept notes with one more cosignature. A witness has one line a note: its newest. */
export function withLine(notes: readonly string[], checkpoint: string, line: string): string[] {
  const text = textOf(checkpoint);
  const before = notes.find((note) => textOf(note) === text) ?? checkpoint;
  const [signer] = readNote(`x\n\n${line}`)?.signatures ?? [];
  const others = linesIn(before).filter((each) => !(signer && isBy(each, { ...signer, publicKey: new Uint8Array() })));
  return bounded([`${text}\n${[...others, line].join('')}`, ...notes.filter((note) => textOf(note) !== text)]);
}

function bounded(notes: readonly string[]): string[] {
  const seen = new Set<string>();
  return [...notes]
    .sort((a, b) => sizeOf(b) - sizeOf(a))
    .filter((note, at) => {
      const signers = readNote(note)?.signatures.map(({ name, keyId }) => `${name} ${keyId}`) ?? [];
      const news = signers.filter((signer) => !seen.has(signer));
      for (const signer of news) seen.add(signer);
      return at < KEPT || news.length > 0;
    });
}

const sizeOf = (note: string): number => claimedSize(note) ?? 0;

/** What kept notes are worth: of this log, with the lines that hold of these witnesses and no other; newest first. */
export function judged(notes: readonly string[], logKey: string, witnesses: readonly VerifierKey[]): Cosigned[] {
  const log = parseVerifierKey(logKey);
  const found = notes.flatMap((note): Cosigned[] => {
    const opened = openCheckpoint(note, logKey);
    if (!opened || !log) return [];
    const text = textOf(note);
    const lines = linesIn(note);
    const good = witnesses.flatMap((key) => {
      const line = lines.find((each) => isBy(each, key));
      const seconds = line === undefined ? undefined : cosignedAt(`${text}\n${line}`, key);
      return line === undefined || seconds === undefined ? [] : [{ key, line, seconds }];
    });
    if (good.length === 0) return [];
    const { size, root } = opened;
    const own = lines.filter((line) => isBy(line, log));
    return [
      {
        size,
        root,
        note: `${text}\n${[...own, ...good.map(({ line }) => line)].join('')}`,
        by: good.map(({ key: { name, keyId }, seconds }) => ({ name, keyId, seconds })),
      },
    ];
  });
  return found.sort((a, b) => b.size - a.size);
}

/** The head, with its cosignatures where it has any. */
export async function witnessedHead({ cosigned }: CosignedSource, head: Head): Promise<string> {
  const text = textOf(head.checkpoint);
  return (await cosigned?.())?.find(({ note }) => textOf(note) === text)?.note ?? head.checkpoint;
}

/**
 * The checkpoint that something is best proven against: of those that cover it, the one that most witnesses have cosigned,
 * of these the newest; undefined where there is none. A quorum is asked of one checkpoint, so more witnesses are worth
 * more than newer ones.
 */
export async function bestFor(
  source: CosignedSource,
  head: Pick<Head, 'size'>,
  covers: (size: number) => boolean | Promise<boolean>,
): Promise<Pick<Head, 'size' | 'checkpoint'> | undefined> {
  const best = [...((await source.cosigned?.()) ?? [])].sort((a, b) => b.by.length - a.by.length || b.size - a.size);
  for (const { size, root, note } of best) {
    if (!(await covers(size))) continue;
    // One of another history, which this chain no longer is, proves nothing about it.
    if (await isOf(source, { size, root }, head)) return { size, checkpoint: note };
  }
  return undefined;
}

/** Whether the chain that ends at `head` begins with exactly those entries. */
export async function isOf(
  source: NodeSource,
  { size, root }: Pick<Cosigned, 'size' | 'root'>,
  head: Pick<Head, 'size'>,
): Promise<boolean> {
  if (size < 1 || size > head.size) return false;
  return toHex(await withNodes(source, size, (nodes) => rootOf(nodes, 0, size))) === toHex(root);
}
