/**
 * The table of capabilities: which language the patterns of each speak. Everything that differs between capabilities is
 * a column here, so that no other file of this room has to know one by name.
 */
import type { Code } from '../base/refusal.ts';
import { budget } from './language/budget.ts';
import type { Language } from './language/language.ts';
import { agent, name, server } from './language/name.ts';
import { path } from './language/path.ts';
import { url } from './language/url.ts';

export interface Capability {
  readonly language: Language;
  /** The code of an act whose resource is none: where spelling is the attack, it is simply not permitted. */
  readonly malformed: Code & ('INVALID_REQUEST' | 'PERMISSION_DENIED');
  /** The list that grants everything; absent where nothing is granted that nobody asked for. */
  readonly everything?: readonly string[];
  /** Acts carry arguments, and argument rules judge them. */
  readonly arguments?: true;
  /** A list that is left out is the nearest ancestor's; for all others it permits nothing. */
  readonly inherited?: true;
}

const named = (language: Language): Capability => ({ language, malformed: 'INVALID_REQUEST' });
const place = (language: Language): Capability => ({ language, malformed: 'PERMISSION_DENIED' });

const TABLE: ReadonlyMap<string, Capability> = new Map<string, Capability>([
  ['tool.call', { ...named(name), everything: ['**'], arguments: true }],
  ['fs.read', { ...place(path), everything: ['/**'] }],
  ['fs.write', { ...place(path), everything: ['/**'] }],
  ['net.fetch', { ...place(url), everything: ['**'] }],
  ['agent.delegate', named(agent)],
  ['model.use', { ...named(name), everything: ['**'] }],
  ['cost.budget', { ...named(budget), inherited: true }],
  ['mcp.prompt', { ...named(name), everything: ['**'] }],
  ['mcp.resource', { ...named(server), everything: ['*'] }],
]);

const VENDOR = /^x-[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/;
const MAX_NAME = 128;
const VENDORS: Capability = named(name);

/** `undefined` for a name that is neither reserved nor `x-<vendor>.<name>`. */
export function capabilityOf(capability: string): Capability | undefined {
  return TABLE.get(capability) ?? (VENDOR.test(capability) && capability.length <= MAX_NAME ? VENDORS : undefined);
}

export const RESERVED: readonly string[] = [...TABLE.keys()];

/** What the built-in root ceiling grants. */
export const EVERYTHING: { readonly [capability: string]: readonly string[] } = Object.fromEntries(
  [...TABLE].flatMap(([capability, { everything }]) => (everything ? [[capability, everything]] : [])).sort(),
);
