/** The drawing of a tree, in colours, with what is left of its limits: `aga_inspect` draws, a terminal paints. */
import type { inspect } from '../../tools/inspect.ts';
import type { Answer } from '../../tools/tool.ts';
import { plain, type Side, type Style } from './terminal.ts';

type Node = NonNullable<Answer<typeof inspect>['tree']>[number];
/** What is read of it. */
type DrawnNode = Pick<Node, 'artifact_hash'> & Partial<Pick<Node, 'limits_left' | 'budget_left'>>;

const COLOURS: { readonly [mark: string]: Style } = { '●': 'green', '◐': 'yellow', '○': 'dim', '✕': 'red' };
/** The branches, the mark, the name, the shortened hash, and what follows it. */
const LINE = /^([│├└─ ]*)([●◐○✕]) (.*) {2}([0-9a-f]{12}) {2}(.*)$/u;

export function drawn(drawing: string, nodes: readonly DrawnNode[], { paint }: Side): string {
  if (nodes.length === 0) return 'There are no artifacts yet; make the first with: aga-delegate create';
  const left = new Map(nodes.map((node) => [node.artifact_hash.slice(0, 12), leftOf(node)]));
  return drawing
    .split('\n')
    .map((line) => {
      const [, branches = '', mark = '', name = '', hash = '', rest = ''] = LINE.exec(plain(line)) ?? [];
      const colour = COLOURS[mark];
      if (!colour) return plain(line);
      const tail = [rest, ...(left.get(hash) ?? [])].join(', ');
      const lives = mark === '●';
      return `${paint('dim', branches)}${paint(colour, mark)} ${paint(lives ? 'bold' : 'dim', name)}  ${paint('cyan', hash)}  ${lives ? tail : paint('dim', tail)}`;
    })
    .join('\n');
}

function leftOf({ limits_left: { calls, calls_per_minute } = {}, budget_left = [] }: DrawnNode): string[] {
  const limits = [
    ...(calls === undefined ? [] : [`${calls} call${calls === 1 ? '' : 's'} left`]),
    ...(calls_per_minute === undefined ? [] : [`${calls_per_minute} left this minute`]),
  ];
  return budget_left.length === 0 ? limits : [...limits, `${budget_left.map(plain).join(' ')} left`];
}
