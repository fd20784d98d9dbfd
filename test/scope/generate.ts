/** Patterns, and patterns that are narrower by construction: nothing is sampled and thrown away. */
import fc from 'fast-check';

/** How the pieces of a pattern language are put together. */
export interface Shape {
  readonly capability: string;
  /** Written in front of the first segment. */
  readonly head: string;
  readonly trailing: boolean;
}

export const NAME: Shape = { capability: 'tool.call', head: '', trailing: false };
export const PATH: Shape = { capability: 'fs.read', head: '/', trailing: true };
export const URLS: Shape = { capability: 'net.fetch', head: 'https://h.example/', trailing: true };
export const SHAPES = [NAME, PATH, URLS];

const plain = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }).map((letters) => letters.join(''));
const starry = fc
  .array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 4 })
  .map((letters) => letters.join('').replace(/\*+/g, '*'));
export const segment = fc.oneof({ weight: 2, arbitrary: plain }, { weight: 3, arbitrary: starry }, fc.constant('**'));

export const segments = fc.array(segment, { minLength: 1, maxLength: 4 });

export const patternOf = ({ head, trailing }: Shape): fc.Arbitrary<string> =>
  fc.tuple(segments, fc.boolean()).map(([list, slash]) => `${head}${list.join('/')}${trailing && slash ? '/' : ''}`);

const replaced = (text: string, star: () => string): string => text.replaceAll('*', star);

/** Stars become text (with or without a star), `**` some segments. */
function narrowed(list: readonly string[], choose: (most: number) => number): readonly string[] {
  const text = () => ['a', 'ab', 'b*', '*a', '*'][choose(5)]!;
  const made = list.flatMap((part) => {
    if (part !== '**') return part === '' ? [] : [replaced(part, text).replace(/\*+/g, '*')];
    return Array.from({ length: choose(3) }, () => ['a', '*', 'b*', '**'][choose(4)]!);
  });
  return made.length > 0 ? made : ['a'];
}

/** [parent, narrower child] as patterns of the language. */
export const narrowerIn = (shape: Shape): fc.Arbitrary<readonly [string, string]> =>
  fc.tuple(segments, fc.infiniteStream(fc.nat(99))).map(([list, stream]) => {
    const choose = (most: number): number => (stream.next().value as number) % most;
    // A pattern of only `**` may become any segments: `narrowed` never makes the resource without any.
    const parent = list.every((part) => part === '**') ? ['**'] : list;
    const child = narrowed(parent, choose);
    return [`${shape.head}${parent.join('/')}`, `${shape.head}${child.join('/')}`] as const;
  });

/** All resources over {a, b} with at most `most` segments of at most two letters. */
export function resourcesOf({ head, trailing }: Shape, most: number): readonly string[] {
  const words = ['a', 'b', 'aa', 'ab', 'ba', 'bb', 'c'];
  let level: readonly string[] = words;
  const found = [...level];
  for (let depth = 1; depth < most; depth++) {
    level = level.flatMap((left) => words.slice(0, 3).map((right) => `${left}/${right}`));
    found.push(...level);
  }
  const all = trailing ? ['', ...found.flatMap((text) => [text, `${text}/`])] : found;
  return all.map((text) => head + text);
}

/** The language of a pattern as a regular expression: the definition of the contract, read by another engine. */
export function regexOf({ head, trailing }: Shape, pattern: string): string {
  const body = pattern.slice(head.length);
  const ends = body.endsWith('/') || body === '';
  const list = (ends ? body.slice(0, -1) : body).split('/').filter((part) => part !== '');
  const source = list.map((part) => {
    if (part === '**') return '(?:/[^/]+)*';
    return part === '*' ? '/[^/]+' : `/${part.replaceAll('*', '[^/]*')}`;
  });
  return `${source.join('')}${trailing ? (ends ? '/' : '/?') : ''}`;
}

/** All resources of the language, in the spelling that `regexOf` reads: every segment behind its slash. */
export const validOf = ({ trailing }: Shape): string => (trailing ? '(?:/|(?:/[^/]+)+/?)' : '(?:/[^/]+)+');

/** A resource in that spelling. */
export const spelled = ({ head }: Shape, resource: string): string => `/${resource.slice(head.length)}`;
