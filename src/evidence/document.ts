/** The text of evidence: strict JSON or not (`docs/format.md`, section 1), judged before anything that it says. */
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type JsonLimits, parseStrict } from '../base/strict-json.ts';
import { type Cut, cutAtEntries } from './cut.ts';
import { Findings } from './report.ts';

/** A bundle of half a million entries; an entry may be as deep as any input, and stands two levels down. */
const LIMITS = { maxBytes: 256 << 20, maxDepth: 66 } as const satisfies JsonLimits;
const ELEMENT: JsonLimits = { ...LIMITS, maxDepth: LIMITS.maxDepth - 2 };

/** The document as a value; what is wrong with the text is a finding, and then there is none. */
export function parseEvidence(
  given: Uint8Array | string,
  findings: Findings,
  limits: JsonLimits = LIMITS,
): Json | undefined {
  try {
    return parseStrict(given, limits);
  } catch (error) {
    report(Refusal.from(error), findings);
    return undefined;
  }
}

export interface Document {
  /** What it says; where it is cut, without its entries, which nobody has read yet. */
  readonly value: Json;
  readonly cut: Cut | undefined;
}

/** The same, but whatever has a list of entries is cut there. */
export function openDocument(given: Uint8Array | string, findings: Findings): Document | undefined {
  const cut = cutOf(given);
  if (!cut) {
    const value = parseEvidence(given, findings);
    return value === undefined ? undefined : { value, cut };
  }
  try {
    return { value: parseStrict(cut.rest, LIMITS), cut };
  } catch (error) {
    const fault = Refusal.from(error);
    report(isDouble(fault) ? (faultIn(cut) ?? fault) : fault, findings);
    return undefined;
  }
}

function cutOf(given: Uint8Array | string): Cut | undefined {
  // Encoding would mend what `parseStrict` refuses.
  if (typeof given === 'string' && !given.isWellFormed()) return undefined;
  const bytes = typeof given === 'string' ? new TextEncoder().encode(given) : given;
  return bytes.length > LIMITS.maxBytes ? undefined : cutAtEntries(bytes);
}

/** The values of the elements one after another; `undefined`, and no more, where one is not strict JSON. */
export function* elementsOf({ elements }: Cut): Generator<Json | undefined> {
  for (const element of elements) {
    const value = parseEvidence(element, new Findings(), ELEMENT);
    yield value;
    if (value === undefined) return;
  }
}

/** Whether all elements are strict JSON; what is wrong with one of them is a finding. */
export function judgeElements(cut: Cut, findings: Findings): boolean {
  const fault = faultIn(cut);
  if (fault) report(fault, findings);
  return fault === undefined;
}

/** That something is no JSON is said before that a name stands twice, wherever either is. */
function faultIn({ elements }: Cut): Refusal | undefined {
  let double: Refusal | undefined;
  for (const each of elements) {
    try {
      parseStrict(each, ELEMENT);
    } catch (error) {
      const fault = Refusal.from(error);
      if (!isDouble(fault)) return fault;
      double = fault;
    }
  }
  return double;
}

const isDouble = ({ message }: Refusal): boolean => message.includes('twice');

function report(fault: Refusal, findings: Findings): void {
  findings.add(null, isDouble(fault) ? 'duplicate_member' : 'json', fault.message);
}
