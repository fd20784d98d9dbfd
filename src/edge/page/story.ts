/** What a bundle tells, for reading: its artifacts and what happened, line by line. The verdicts say whether to believe it. */
import type { Json } from '../../base/canonical.ts';
import { parseStrict } from '../../base/strict-json.ts';

export interface Told {
  readonly hash: string;
  readonly depth: number;
  readonly subject: string;
  readonly purpose: string;
  readonly expires: string;
  /** What became of it, as far as the bundle goes. */
  readonly end: string;
}

export interface Line {
  readonly number: number;
  readonly time: string;
  readonly kind: string;
  readonly who: string;
  readonly what: string;
}

export interface Story {
  readonly artifacts: readonly Told[];
  readonly lines: readonly Line[];
  /** Entries that are not among the lines. */
  readonly untold: number;
}

type Members = { readonly [name: string]: Json };

/** What comes behind them is judged, but not told. */
const MAX_LINES = 5000;

/** Empty for what is no bundle. */
export function storyOf(text: string): Story {
  const artifacts = new Map<string, Told>();
  const lines: Line[] = [];
  const entries = itemsOf(document(text), 'entries');
  for (const entry of entries.slice(0, MAX_LINES)) {
    const event = membersOf(entry.event);
    const artifact = membersOf(event.artifact);
    const hash = say(event.child_artifact_hash ?? event.artifact_hash ?? '');
    if (event.artifact !== undefined) {
      artifacts.set(hash, {
        hash,
        depth: Number(artifact.depth) || 0,
        subject: say(artifact.subject),
        purpose: say(artifact.purpose),
        expires: say(artifact.expires_at),
        end: '',
      });
    }
    const ended = event.kind === 'REVOCATION' ? 'revoked' : event.kind === 'EXPIRY' ? 'expired' : '';
    const told = artifacts.get(hash);
    if (told && ended) artifacts.set(hash, { ...told, end: ended });
    const who = told?.subject ?? artifacts.get(hash)?.subject ?? hash.slice(0, 12);
    lines.push({
      number: Number(entry.sequence_number),
      time: say(entry.timestamp),
      kind: say(event.kind),
      who,
      what: what(event),
    });
  }
  return { artifacts: [...artifacts.values()], lines, untold: entries.length - lines.length };
}

/** Members worth a glance, in this order; the whole entry is in the file. */
const GLANCE = [
  'verdict',
  'tool',
  'code',
  'trigger',
  'cause',
  'reason',
  'amounts',
  'state',
  'event_kind',
  'measurement_type',
  'subject',
  'drift',
];

function what(event: Members): string {
  return GLANCE.flatMap((name) => (event[name] === undefined || event[name] === null ? [] : [say(event[name])])).join(
    ' · ',
  );
}

const say = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));

function document(text: string): Members {
  try {
    return membersOf(parseStrict(text, { maxBytes: 256 << 20, maxDepth: 66 }));
  } catch {
    return {};
  }
}

function membersOf(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {}; // `isArray` does not narrow a readonly list
}

const itemsOf = (value: Members, name: string): Members[] => {
  const list = value[name];
  return Array.isArray(list) ? list.map(membersOf) : [];
};
