/** One entry of the chain as a line of a table: when, number, kind, who, what. */
import { span } from '../../base/span.ts';
import { inspect } from '../../tools/inspect.ts';
import type { queryChain } from '../../tools/query-chain.ts';
import type { Answer } from '../../tools/tool.ts';
import { type Desk, short } from './command.ts';
import { cut, plain, type Side, type Style, wallClock } from './terminal.ts';

type Written = Answer<typeof queryChain>['entries'][number];
export type LogEntry = Pick<Written, 'sequence_number' | 'timestamp' | 'event'>;

type Event = LogEntry['event'];
/** Hash of an artifact → name of its agent, as far as it is known. */
export type Names = Map<string, string>;

interface Telling {
  readonly colour: Style;
  who(event: Event, names: Names): string;
  what(event: Event, names: Names): string;
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value);
/** The agent, where its artifact is known; else the beginning of the hash. */
const agent = (hash: unknown, names: Names): string => {
  if (hash === null || hash === undefined) return 'operator';
  return names.get(text(hash)) ?? short(text(hash));
};
const named = (hash: unknown, names: Names): string => {
  const name = names.get(text(hash));
  return name ? `${name} ${short(text(hash))}` : short(text(hash));
};

const TELLINGS: { readonly [kind: string]: Telling } = {
  GENESIS: { colour: 'dim', who: () => 'authority', what: (event) => `${text(event.authority)} begins the chain` },
  LOG_KEY: {
    colour: 'yellow',
    who: () => 'operator',
    what: ({ log_key, reason }) => `the log goes over to the key ${text(log_key).split('+')[1]}: ${text(reason)}`,
  },
  ARTIFACT_CREATED: {
    colour: 'green',
    who: () => 'operator',
    what(event, names) {
      const { subject, purpose } = (event.artifact ?? {}) as { subject?: unknown; purpose?: unknown }; // only read
      names.set(text(event.artifact_hash), text(subject));
      return `root ${named(event.artifact_hash, names)}: ${text(purpose)}`;
    },
  },
  DELEGATION: {
    colour: 'green',
    who: (event, names) => agent(event.parent_artifact_hash, names),
    what(event, names) {
      names.set(text(event.child_artifact_hash), text(event.sub_agent_id));
      const life = span(Number(event.effective_ttl) * 1000);
      return `→ ${named(event.child_artifact_hash, names)} for ${life}: ${text(event.purpose)}`;
    },
  },
  REVOCATION: {
    colour: 'red',
    who: (event, names) => agent(event.by, names),
    what: (event, names) => `✕ ${named(event.artifact_hash, names)}: ${text(event.reason)}`,
  },
  REFUSAL: {
    colour: 'yellow',
    who: (event, names) => agent(event.artifact_hash, names),
    what: (event) => `${text(event.tool)}: ${text(event.code)}`,
  },
  DECISION: {
    colour: 'cyan',
    who: (event, names) => agent(event.artifact_hash, names),
    what: (event) => `${event.verdict === 'permit' ? '✓' : `✕ ${text(event.code)}`} ${text(event.tool)}`,
  },
  ENROLLMENT: {
    colour: 'green',
    who: (event, names) => agent(event.artifact_hash, names),
    what: (event) => `enrolled with ${text(event.holder)}`,
  },
  EXPIRY: { colour: 'dim', who: (event, names) => agent(event.artifact_hash, names), what: () => 'has expired' },
  MEASUREMENT: {
    colour: 'reset',
    who: (event, names) => agent(event.artifact_hash, names),
    what(event) {
      const found = event.measured === false ? 'not measured here' : event.drift === true ? 'DRIFT' : 'as pinned';
      return `${text(event.measurement_type)} of ${text(event.subject)}: ${found}`;
    },
  },
  TRIGGER: {
    colour: 'red',
    who: () => 'authority',
    what: (event, names) => `${text(event.trigger)} ${named(event.artifact_hash, names)}: ${text(event.cause)}`,
  },
};

/** Kinds without a line of their own show their short members. */
const OTHER: Telling = {
  colour: 'reset',
  who: (event, names) => ('artifact_hash' in event ? agent(event.artifact_hash, names) : ''),
  what: ({ kind: _, artifact_hash: _hash, ...members }) =>
    Object.entries(members)
      .filter(([, value]) => typeof value !== 'object' || value === null)
      .map(([name, value]) => `${name}=${text(value)}`)
      .join(' '),
};

/** Prints entries one after the other; on a terminal the day stands once, elsewhere in every line. */
export function lines(names: Names, { paint, tty, width }: Side): (entry: LogEntry) => string {
  let today = '';
  return ({ sequence_number, timestamp, event }) => {
    const kind = text(event.kind);
    const { colour, who, what } = TELLINGS[kind] ?? OTHER;
    // What is told first may name an artifact that is mentioned afterwards.
    const story = plain(what(event, names));
    const [day = '', time = ''] = wallClock(timestamp).split(' ');
    const heading = tty && day !== today ? `${paint('bold', day)}\n` : '';
    today = day;
    const when = tty ? time : `${day} ${time}`;
    const number = String(sequence_number).padStart(5);
    const label = kind.padEnd(16);
    const agent = cut(plain(who(event, names)), 14).padEnd(14);
    const room = Math.max(width - (when.length + number.length + label.length + agent.length + 8), 16);
    const row = [paint('dim', when), paint('dim', number), paint(colour, label), agent, cut(story, room)];
    return `${heading}${row.join('  ')}`;
  };
}

/** Names of the artifacts that live. */
export async function namesOf(desk: Desk): Promise<Names> {
  const { tree = [] } = await (await desk.open()).call(inspect, { view: 'tree' });
  return new Map(tree.map(({ artifact_hash, subject }) => [artifact_hash, subject]));
}
