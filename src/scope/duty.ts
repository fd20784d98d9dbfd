/** Duties: what must be watched and what happens on a finding. Those of all ancestors apply, so a child may name fewer. */
import type { Excess } from './answer.ts';
import { invalid, textsOf } from './decode.ts';
import { normal } from './language/language.ts';

export const TRIGGERS: readonly string[] = [
  'TERMINATE',
  'QUARANTINE',
  'NETWORK_ISOLATE',
  'SAFE_STATE',
  'KEY_REVOKE',
  'TOKEN_INVALIDATE',
  'ACTUATOR_DISCONNECT',
  'ALERT_ONLY',
];

export const MEASUREMENTS: readonly string[] = [
  'EXECUTABLE_IMAGE',
  'LOADED_MODULES',
  'CONTAINER_IMAGE',
  'CONFIG_MANIFEST',
  'SBOM',
  'TEE_QUOTE',
  'MEMORY_REGIONS',
  'CONTROL_FLOW',
  'FILE_SYSTEM_STATE',
  'NETWORK_CONFIG',
];

const MAX_DUTIES = 64;

function parse(value: unknown, owner: string, known: readonly string[]): readonly string[] {
  const names = textsOf(value, owner, MAX_DUTIES);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      `${owner} holds the unknown name ${JSON.stringify(unknown.slice(0, 64))}; known: ${known.join(', ')}`,
    );
  }
  return normal(names);
}

/** Sorted, each once. @throws Refusal `INVALID_REQUEST` on an unknown name. */
export const parseTriggers = (value: unknown): readonly string[] => parse(value, 'enforcement_triggers', TRIGGERS);
/** Sorted, each once. @throws Refusal `INVALID_REQUEST` on an unknown name. */
export const parseMeasurements = (value: unknown): readonly string[] => parse(value, 'measurement_types', MEASUREMENTS);

export const excessOfDuties = (
  member: string,
  child: readonly string[],
  parent: readonly string[],
): readonly Excess[] =>
  child.filter((duty) => !parent.includes(duty)).map((pattern) => ({ capability: member, pattern, parent }));

export const meetDuties = (a: readonly string[], b: readonly string[]): readonly string[] =>
  a.filter((duty) => b.includes(duty));
