/**
 * What a sub-agent gets to do its work, said step by step:
 *
 *     Lease.builder().allow('tool.call', 'search/*').expiresIn('10m').budget('USD:2.00').build()
 *
 * A lease permits exactly what it allows. It is a request: the authority judges whether the delegating agent holds as much.
 */
import type { Permissions } from './shapes.ts';

export interface LeaseTerms {
  readonly permissions: Permissions;
  readonly ttl_seconds?: number;
  readonly budget_mode?: BudgetMode;
  readonly limits?: { readonly calls?: number; readonly calls_per_minute?: number };
  readonly argument_rules?: readonly object[];
  readonly policy_preset?: string;
  readonly max_depth?: number;
  readonly max_children?: number;
  readonly enforcement_triggers?: readonly string[];
  readonly measurement_types?: readonly string[];
  readonly min_binding?: 'handle' | 'bearer' | 'hook' | 'process' | 'proof';
}

/** `slice`: set aside from the delegating agent's budget, the rest returns at the end. `pool`: drawn from it together with others. */
export type BudgetMode = 'slice' | 'pool';

export class Lease {
  readonly terms: LeaseTerms;

  constructor(terms: LeaseTerms) {
    this.terms = Object.freeze({ ...terms });
  }

  static builder(): LeaseBuilder {
    return new LeaseBuilder();
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class LeaseBuilder {
  readonly #permissions = new Map<string, string[]>();
  readonly #terms: Writable<Omit<LeaseTerms, 'permissions'>> = {};
  readonly #rules: object[] = [];

  /** Adds patterns to what a capability permits; called again for the same capability it adds more. */
  allow(capability: string, ...patterns: readonly string[]): this {
    this.#permissions.set(capability, [...(this.#permissions.get(capability) ?? []), ...patterns]);
    return this;
  }

  /** Amounts such as `USD:2.00`, one or several. Without this the sub-agent shares the delegating agent's budget. */
  budget(...amounts: readonly string[]): this {
    return this.allow('cost.budget', ...amounts);
  }

  budgetMode(mode: BudgetMode): this {
    this.#terms.budget_mode = mode;
    return this;
  }

  /** Seconds, or a duration such as `90s`, `10m` or `1h30m`. */
  expiresIn(ttl: number | string): this {
    this.#terms.ttl_seconds = typeof ttl === 'number' ? ttl : secondsIn(ttl);
    return this;
  }

  limits(limits: NonNullable<LeaseTerms['limits']>): this {
    this.#terms.limits = limits;
    return this;
  }

  /** What a tool may be called with, such as `argumentRule('fs/write_file', { path: { under: '/ws' } })`. */
  argumentRule(tool: string, rules: object): this {
    this.#rules.push({ tool, arguments: rules });
    return this;
  }

  preset(name: string): this {
    this.#terms.policy_preset = name;
    return this;
  }

  /** How many levels may stand below the sub-agent; it also needs `allow('agent.delegate', …)`. */
  maxDepth(levels: number): this {
    this.#terms.max_depth = levels;
    return this;
  }

  maxChildren(children: number): this {
    this.#terms.max_children = children;
    return this;
  }

  /** What happens to the sub-agent when something is wrong, such as `TERMINATE`; the delegating agent's where this is not called. */
  triggers(...triggers: readonly string[]): this {
    this.#terms.enforcement_triggers = triggers;
    return this;
  }

  /** What is measured before its calls, such as `SBOM`; the delegating agent's where this is not called. */
  measures(...types: readonly string[]): this {
    this.#terms.measurement_types = types;
    return this;
  }

  /** How strongly it must be known. */
  minBinding(binding: NonNullable<LeaseTerms['min_binding']>): this {
    this.#terms.min_binding = binding;
    return this;
  }

  build(): Lease {
    return new Lease({
      ...this.#terms,
      permissions: Object.fromEntries([...this.#permissions].map(([name, patterns]) => [name, [...patterns]])),
      ...(this.#rules.length > 0 && { argument_rules: [...this.#rules] }),
    });
  }
}

const SECONDS: { readonly [unit: string]: number } = { h: 3600, m: 60, s: 1, ms: 0.001 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/;

function secondsIn(text: string): number {
  if (!DURATION.test(text))
    throw new TypeError(`"${text}" is not a duration; write for example "90s", "10m" or "1h30m"`);
  const parts = Array.from(
    text.matchAll(/([\d.]+)(ms|h|m|s)/g),
    ([, amount, unit = 's']) => Number(amount) * SECONDS[unit]!,
  );
  return Math.floor(parts.reduce((sum, part) => sum + part, 0) + 1e-6);
}
