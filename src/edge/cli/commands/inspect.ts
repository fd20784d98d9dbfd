import { inspect as inspectTool } from '../../../tools/inspect.ts';
import type { Answer } from '../../../tools/tool.ts';
import { type Command, short } from '../command.ts';
import { drawn } from '../drawn.ts';
import { granted } from '../granted.ts';
import { plain, type Side, sheet, wallClock } from '../terminal.ts';

/** The parts of a signed artifact that a person wants first. */
interface Body {
  readonly subject: string;
  readonly purpose: string;
  readonly parent: string | null;
  readonly issued_at: string;
  readonly expires_at: string;
  readonly scope: { readonly permissions: Readonly<Record<string, readonly string[]>> };
}

type Shown = Answer<typeof inspectTool>;
type Link = NonNullable<Shown['lineage']>[number];

export const inspect: Command = {
  name: 'inspect',
  group: 'Look:',
  looks: true,
  summary: 'Show an artifact, or its lineage',
  tool: inspectTool,
  hash: { parameter: 'artifact_hash', required: false },
  examples: [
    ['inspect HASH', 'What it permits, and until when:'],
    ['inspect HASH --view lineage', 'Where it comes from, root first:'],
    ['inspect HASH --json', 'The signed document:'],
  ],
  async run(desk, { input }) {
    const answer = await (await desk.open()).call(inspectTool, input);
    return { answer, text: (out) => told(answer, out) };
  },
};

function told({ artifact_hash, status, artifact, lineage, tree = [], drawing = '' }: Shown, out: Side): string {
  if (lineage) return lineage.map((link) => step(link)).join('\n');
  if (!artifact) return drawn(drawing, tree, out);
  const { subject, purpose, parent, issued_at, expires_at, scope } = artifact as unknown as Body; // a signed artifact
  return sheet(
    [
      ['artifact', out.paint('bold', artifact_hash ?? '')],
      ['status', status ?? ''],
      ['subject', plain(subject)],
      ['purpose', plain(purpose)],
      ['parent', parent === null ? 'none: a root' : parent],
      ['issued', wallClock(issued_at)],
      ['expires', wallClock(expires_at)],
      ...granted(scope.permissions),
    ],
    out.paint,
  );
}

const step = ({ artifact_hash, subject, depth, status }: Link): string =>
  `${'  '.repeat(depth)}${plain(subject)}  ${short(artifact_hash)}${status ? `  ${status}` : ''}`;
