/** A delegation tree as text, for people. */
import { parseInstant } from '../base/instant.ts';
import { span } from '../base/span.ts';
import type { Node } from './status.ts';

const MARKS = { active: '●', suspended: '◐', expired: '○', revoked: '✕' } as const;

/** `nodes` with parents before children; `cut` says how many more there are. */
export function drawTree(nodes: readonly Node[], now: number, cut = 0): string {
  const children = new Map<string | null, Node[]>();
  const known = new Set(nodes.map(({ artifact_hash }) => artifact_hash));
  for (const node of nodes) {
    const { parent_artifact_hash: parent } = node;
    const under = parent !== null && known.has(parent) ? parent : null;
    children.set(under, [...(children.get(under) ?? []), node]);
  }
  const lines: string[] = [];
  const draw = (node: Node, lead: string, branch: string, below: string): void => {
    lines.push(`${lead}${branch}${describe(node, now)}`);
    const under = children.get(node.artifact_hash) ?? [];
    for (const [index, child] of under.entries()) {
      const last = index === under.length - 1;
      draw(child, lead + below, last ? '└─ ' : '├─ ', last ? '   ' : '│  ');
    }
  };
  for (const root of children.get(null) ?? []) draw(root, '', '', '');
  if (cut > 0) lines.push(`… and ${cut} more`);
  return lines.join('\n');
}

function describe(node: Node, now: number): string {
  const { status, subject, artifact_hash } = node;
  const rest = status === 'active' ? `expires in ${span(parseInstant(node.expires_at)! - now)}` : status;
  return `${MARKS[status]} ${subject}  ${artifact_hash.slice(0, 12)}  ${rest}`;
}
