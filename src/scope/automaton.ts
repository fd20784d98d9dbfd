/**
 * The one automaton: a list of patterns as a trie over segments, read by sets of nodes.
 *
 * Matching reads one sequence of words. Containment reads every sequence of the *skeleton* of a child pattern: each star
 * replaced by the character `FRESH`, each `**` by any number of words that are `FRESH`. That decides containment exactly:
 * - a skeleton is a resource of the child, up to the choice of a character that no pattern mentions, so a skeleton that
 *   the list does not match is a counter-example;
 * - a pattern that matches the skeleton matches it with stars over every `FRESH`, so it matches whatever other text the
 *   child's stars stand for. (The star of a segment `*` wants at least one character: it then covers the whole segment,
 *   and no segment of a resource is empty.)
 */
import { BORDER, EVERY, FRESH, hasStar, matchesWord, REST, type Starred, starred } from './segment.ts';

class Node {
  readonly id: number;
  /** A node reached through `**` stays while words pass by. */
  readonly stays: boolean;
  readonly plain = new Map<string, Node>();
  readonly stars: { readonly text: string; readonly test: Starred; readonly to: Node }[] = [];
  rest: Node | undefined;
  ends = false;
  /** Number of the last step that reached this node, so that a step adds it once. */
  step = 0;

  constructor(id: number, stays: boolean) {
    this.id = id;
    this.stays = stays;
  }
}

type Nodes = readonly Node[];

/** Work that may still be done, in units of about ten nanoseconds; counted, not timed, so that it ends alike everywhere. */
export interface Effort {
  left: number;
}

/** Bound for one question about one resource. */
const MATCH_EFFORT = 1_000_000;

export type Answer = 'yes' | 'no' | 'too complex';

export class Automaton {
  private readonly start: Nodes;
  private readonly root: Node;
  private readonly everything: boolean;
  private readonly trailing: boolean;
  private size = 0;
  private steps = 0;

  /**
   * `trailing`: a resource may end in an empty word (the path `/ws/`, beside `/ws`). A pattern that ends in one matches
   * only such resources; every other pattern matches both.
   */
  constructor(patterns: readonly (readonly string[])[], trailing: boolean) {
    this.trailing = trailing;
    this.root = this.node(false);
    this.everything = patterns.some((pattern) => pattern[0] === EVERY);
    for (const pattern of patterns) if (pattern[0] !== EVERY) this.add(pattern);
    this.start = this.root.rest ? [this.root, this.root.rest] : [this.root];
  }

  /** Whether some pattern matches the words; no, where that would take unreasonably long to find out. */
  matches(words: readonly string[]): boolean {
    if (this.everything) return true;
    const effort = { left: MATCH_EFFORT };
    let nodes = this.start;
    for (const word of words) {
      nodes = this.step(nodes, word, effort);
      if (nodes.length === 0 || effort.left < 0) return false;
    }
    return accepts(nodes);
  }

  /** Whether every resource of `pattern` is matched. */
  covers(pattern: readonly string[], effort: Effort): Answer {
    if (this.everything) return 'yes';
    if (pattern[0] === EVERY) return 'no';
    const seen: Nodes[][] = [];
    const open: { at: number; blank: boolean; nodes: Nodes }[] = [{ at: 0, blank: true, nodes: this.start }];
    for (let state = open.pop(); state; state = open.pop()) {
      if (effort.left < 0) return 'too complex';
      const { at, blank, nodes } = state;
      if (nodes.length === 0) return 'no';
      if (at === pattern.length) {
        if (!blank && !accepts(nodes)) return 'no';
        const slash = this.trailing && pattern[at - 1] !== '';
        if (slash && !accepts(this.step(nodes, '', effort))) return 'no';
        continue;
      }
      const segment = pattern[at]!;
      if (segment !== REST) {
        const word = segment.replaceAll('*', FRESH);
        open.push({ at: at + 1, blank: word === BORDER, nodes: this.step(nodes, word, effort) });
        continue;
      }
      // Fewer nodes match less: what a smaller set could not refute, this one cannot either.
      const place = at * 2 + (blank ? 1 : 0);
      seen[place] ??= [];
      if (seen[place].some((smaller) => within(smaller, nodes, effort))) continue;
      seen[place].push(nodes);
      open.push({ at, blank: false, nodes: this.step(nodes, FRESH, effort) });
      open.push({ at: at + 1, blank, nodes });
    }
    return 'yes';
  }

  private node(stays: boolean): Node {
    return new Node(this.size++, stays);
  }

  private add(pattern: readonly string[]): void {
    let node = this.root;
    for (const segment of pattern) node = this.next(node, segment);
    node.ends = true;
    if (this.trailing && !node.stays && pattern.at(-1) !== '') this.next(node, '').ends = true;
  }

  private next(node: Node, segment: string): Node {
    if (segment === REST) {
      if (node.stays) return node;
      node.rest ??= this.node(true);
      return node.rest;
    }
    if (!hasStar(segment)) {
      const known = node.plain.get(segment) ?? this.node(false);
      node.plain.set(segment, known);
      return known;
    }
    const known = node.stars.find(({ text }) => text === segment);
    if (known) return known.to;
    const to = this.node(false);
    node.stars.push({ text: segment, test: starred(segment), to });
    return to;
  }

  private step(nodes: Nodes, word: string, effort: Effort): Nodes {
    const step = ++this.steps;
    const reached: Node[] = [];
    const reach = (node: Node): void => {
      if (node.step === step) return;
      node.step = step;
      reached.push(node);
      if (node.rest) reach(node.rest);
    };
    for (const node of nodes) {
      if (node.stays && word !== BORDER) reach(node);
      const plain = node.plain.get(word);
      if (plain) reach(plain);
      for (const { test, to } of node.stars) {
        if (matchesWord(test, word)) reach(to);
        effort.left -= test.pieces.length > 2 ? 3 + (word.length >> 3) : 1;
      }
      effort.left -= 3;
    }
    return reached;
  }
}

function accepts(nodes: Nodes): boolean {
  for (const node of nodes) if (node.ends) return true;
  return false;
}

function within(smaller: Nodes, larger: Nodes, effort: Effort): boolean {
  effort.left -= 1 + smaller.length;
  if (smaller.length > larger.length) return false;
  effort.left -= larger.length;
  const ids = new Set(larger.map(({ id }) => id));
  return smaller.every(({ id }) => ids.has(id));
}
