/** The drawing of a tree, in colours: `aga_inspect` draws, a terminal paints. */
import { plain, type Side, type Style } from './terminal.ts';

const COLOURS: { readonly [mark: string]: Style } = { '●': 'green', '○': 'dim', '✕': 'red' };
/** The branches, the mark, the name, the shortened hash, and what follows it. */
const LINE = /^([│├└─ ]*)([●○✕]) (.*) {2}([0-9a-f]{12}) {2}(.*)$/u;

export function drawn(drawing: string, count: number, { paint }: Side): string {
  if (count === 0) return 'There are no artifacts yet; make the first with: aga-delegate create';
  return drawing
    .split('\n')
    .map((line) => {
      const [, branches = '', mark = '', name = '', hash = '', rest = ''] = LINE.exec(plain(line)) ?? [];
      const colour = COLOURS[mark];
      if (!colour) return plain(line);
      const tail = mark === '●' ? rest : paint('dim', rest);
      return `${paint('dim', branches)}${paint(colour, mark)} ${paint(mark === '●' ? 'bold' : 'dim', name)}  ${paint('cyan', hash)}  ${tail}`;
    })
    .join('\n');
}
