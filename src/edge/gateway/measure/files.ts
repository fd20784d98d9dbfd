/** `FILE_SYSTEM_STATE`: the folders and files that the configuration names. */
import { sha256Hex } from '#digest';
import { canonicalize } from '../../../base/canonical.ts';
import type { Ask } from '../following.ts';
import { type Look, treeFacts } from './tree.ts';

/** Hex SHA-256 over kind, mode and content of everything at and below the paths. Throws `Unmeasured`, `UPSTREAM_FAILED`. */
export async function fileSystemDigest(paths: readonly string[], ask: Ask, look?: Look): Promise<string> {
  const ordered = [...new Set(paths)].sort();
  const facts = await Promise.all(ordered.map(async (path) => ({ path, facts: await treeFacts(path, { ask, look }) })));
  return sha256Hex(canonicalize(facts.map(({ path, facts: found }) => [path, found.map((fact) => [...fact])])));
}
