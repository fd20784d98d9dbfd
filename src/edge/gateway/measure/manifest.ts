/** `CONFIG_MANIFEST`: what an upstream says its tools are. A description changed after it was read is a new tool. */
import { sha256Hex } from '#digest';
import { canonicalize } from '../../../base/canonical.ts';
import type { ToolDefinition } from '../../mcp/session.ts';

/** An unchanged list is the same object, see `Upstream.tools`. */
const known = new WeakMap<readonly ToolDefinition[], string>();

/** Hex SHA-256 of the RFC 8785 form of the definitions, whole, ordered by name (UTF-16 code units). */
export function manifestDigest(tools: readonly ToolDefinition[]): string {
  const before = known.get(tools);
  if (before !== undefined) return before;
  const ordered = [...tools].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const digest = sha256Hex(canonicalize(ordered));
  known.set(tools, digest);
  return digest;
}
