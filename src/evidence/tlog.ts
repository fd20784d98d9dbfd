/**
 * The chain in the formats of the transparency-log world, for tools that know nothing of us.
 *
 * `tlogProof` is C2SP tlog-proof: one entry, its inclusion proof and a checkpoint, with the entry's own bytes as the
 * `extra` line. `tlogConsistency` is what C2SP tlog-witness sends to show that a log has only grown. `tileFiles` and
 * `readResource` are C2SP tlog-tiles: the checkpoint, the hash tiles and the entry bundles of the whole log, at the paths
 * that the specification gives them.
 */
import { notFound } from '../authority/find.ts';
import { fromBase64, toBase64 } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import { bundleOf, joined, tilePath } from '../base/tlog-tiles.ts';
import { type Checkpoint, openCheckpoint } from '../chain/checkpoint.ts';
import { inclusionProof, verifyConsistency, verifyInclusion } from '../chain/proof.ts';
import { leafHash } from '../chain/tree.ts';
import type { Head } from '../ports.ts';
import { bestFor, type CosignedSource, witnessedHead } from './cosigned.ts';
import { creationOf, type Source } from './gather.ts';
import { readTile, TILE_HEIGHT, TILE_WIDTH, withNodes } from './tiles.ts';
import { submission } from './witness.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
const utf8 = new TextEncoder();

/** Sequence number of the entry that created an artifact. @throws Refusal `ARTIFACT_NOT_FOUND`. */
export async function creationAt(source: Source, artifact: string): Promise<number> {
  const created = await creationOf(source, artifact);
  if (!created) throw notFound();
  return created.row.sequence_number;
}

/** @throws Refusal `INVALID_REQUEST` where the chain has no such entry. */
export async function tlogProof(source: Source, sequence: number): Promise<string> {
  const { rows, head } = await source.read({ after: sequence - 1, limit: 1 });
  const [row] = rows;
  if (row?.sequence_number !== sequence || !head || sequence >= head.size)
    throw new Refusal('INVALID_REQUEST', `The chain has no entry ${sequence}.`);
  const { size, checkpoint } = (await bestFor(source, head, (length) => length > sequence)) ?? head;
  const proof = await withNodes(source, size, (nodes) => inclusionProof(nodes, sequence, size));
  const lines = [HEADER, `extra ${toBase64(utf8.encode(row.entry))}`, `index ${sequence}`, ...proof.map(toBase64)];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** The entry that the proof is about and its place, where the log with this verifier key has it; else `undefined`. */
export function openTlogProof(text: string, vkey: string): { entry: string; sequence: number } | undefined {
  const blank = text.indexOf('\n\n');
  const [header, extra = '', index = '', ...encoded] = text.slice(0, Math.max(0, blank)).split('\n');
  const bytes = extra.startsWith('extra ') ? fromBase64(extra.slice(6)) : undefined;
  const [, number] = /^index (0|[1-9]\d{0,15})$/.exec(index) ?? [];
  const checkpoint = openCheckpoint(text.slice(blank + 2), vkey);
  const proof = encoded.map(fromBase64).filter((hash) => hash !== undefined);
  if (header !== HEADER || !bytes || !number || !checkpoint || proof.length < encoded.length) return undefined;
  const sequence = Number(number);
  if (!verifyInclusion(sequence, checkpoint.size, leafHash(bytes), proof, checkpoint.root)) return undefined;
  return { entry: new TextDecoder().decode(bytes), sequence };
}

/**
 * The proof that the tree of `since` entries is the beginning of the present one, as C2SP tlog-witness sends it:
 * `old <since>`, the hashes of the proof, an empty line and the checkpoint.
 *
 * @throws Refusal `INVALID_REQUEST` where the chain was never so long.
 */
export async function tlogConsistency(source: Source & CosignedSource, since: number): Promise<string> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head || since < 1 || since > head.size)
    throw new Refusal('INVALID_REQUEST', `The chain has ${head?.size ?? 0} entries: it never had ${since}.`);
  return submission(source, since, { size: head.size, checkpoint: await witnessedHead(source, head) });
}

/** The checkpoint to which the proof leads from one that is known, where the log with this verifier key signed both. */
export function openTlogConsistency(text: string, known: string, vkey: string): Checkpoint | undefined {
  const blank = text.indexOf('\n\n');
  const [old = '', ...encoded] = text.slice(0, Math.max(0, blank)).split('\n');
  const [before, now] = [openCheckpoint(known, vkey), openCheckpoint(text.slice(blank + 2), vkey)];
  const proof = encoded.map(fromBase64).filter((hash) => hash !== undefined);
  if (!before || !now || old !== `old ${before.size}` || proof.length < encoded.length) return undefined;
  return verifyConsistency(before.size, now.size, before.root, now.root, proof) ? now : undefined;
}

export interface TlogFile {
  /** Below the log's prefix, for example `tile/0/x001/234`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Every file of the log at its head, the checkpoint last: once it is visible, the rest is there. */
export async function* tileFiles(source: Source): AsyncGenerator<TlogFile> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head) throw new Refusal('NOT_FOUND', 'The chain has no entries yet.');
  for (let level = 0, width = head.size; width > 0; level += 1, width = Math.floor(width / TILE_WIDTH)) {
    for (let tile = 0; tile * TILE_WIDTH < width; tile++) {
      const here = width - tile * TILE_WIDTH;
      yield {
        path: tilePath(level, tile, here),
        bytes: joined(await readTile(source, level * TILE_HEIGHT, tile, head.size)),
      };
      if (level === 0) {
        const bytes = await entryBundle(source, tile, head);
        // What the format has no room for is left out; the tiles still prove it.
        if (bytes) yield { path: tilePath('entries', tile, here), bytes };
      }
    }
  }
  yield { path: 'checkpoint', bytes: utf8.encode(await witnessedHead(source, head)) };
}

/** One of those files, for a server; `undefined` where the log has none at that path. */
export async function readResource(source: Source, path: string): Promise<Uint8Array | undefined> {
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  if (!head) return undefined;
  if (path === 'checkpoint') return utf8.encode(await witnessedHead(source, head));
  const [, level = '', place = '', width] = TILE_PATH.exec(path) ?? [];
  const tile = Number(place.replaceAll(/[x/]/g, ''));
  const asked = width === undefined ? TILE_WIDTH : Number(width);
  const height = level === 'entries' ? 0 : Number(level);
  // A path has one spelling, and nothing is served that the head does not cover.
  if (
    place === '' ||
    tilePath(0, tile) !== `tile/0/${place}` ||
    asked < 1 ||
    asked > TILE_WIDTH - (width === undefined ? 0 : 1)
  )
    return undefined;
  if (tile * TILE_WIDTH + asked > Math.floor(head.size / TILE_WIDTH ** height)) return undefined;
  const size = (tile * TILE_WIDTH + asked) * TILE_WIDTH ** height;
  return level === 'entries'
    ? entryBundle(source, tile, { size })
    : joined((await readTile(source, height * TILE_HEIGHT, tile, size)).slice(0, asked));
}

const TILE_PATH = /^tile\/(entries|\d|[1-5]\d|6[0-3])\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** `undefined` where an entry is longer than the format can say. */
async function entryBundle(
  source: Source,
  tile: number,
  { size }: Pick<Head, 'size'>,
): Promise<Uint8Array | undefined> {
  const first = tile * TILE_WIDTH;
  const limit = Math.min(TILE_WIDTH, size - first);
  const { rows } = await source.read({ after: first - 1, limit });
  return bundleOf(rows.map(({ entry }) => entry));
}
