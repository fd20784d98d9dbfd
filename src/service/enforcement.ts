/** What happens when something is wrong: measurements are recorded, and drift or too many refusals fire the lineage's duties. */
import type { Event } from '../authority/event/index.ts';
import { pinOf } from '../authority/event/measurement.ts';
import { dutiesOf, RESUME } from '../authority/event/trigger.ts';
import { find, haltedRefusal } from '../authority/find.ts';
import { ended } from '../authority/grant.ts';
import { Refusal } from '../base/refusal.ts';
import { type Caller, operator } from '../caller.ts';
import type { Context } from '../tools/tool.ts';
import type { Service } from './service.ts';
import type { Mode } from './verdict.ts';

export interface Measured {
  readonly type: string;
  /** Name of the upstream. */
  readonly subject: string;
  /** Hex SHA-256; null where this type cannot be measured here. */
  readonly digest: string | null;
  /** Why there is no digest, where it is not for want of a way to measure it. */
  readonly lost?: string;
  /** The digest that the configuration expects, where it names one. */
  readonly expected?: string | undefined;
}

/** Called in this process after a trigger fired: what a trigger means for connections is for their owners. */
export type Fired = (artifact: string, trigger: string) => void;

export class Enforcement {
  readonly #service: Service;
  readonly #most: number;
  readonly #mode: Mode;
  readonly #listeners = new Set<Fired>();
  /** The enforcement itself acts for the operator. */
  readonly #self: Caller = operator();

  /** In shadow mode what happens is recorded, and nobody is stopped. */
  constructor(service: Service, refusalsPerMinute: number, mode: Mode = 'enforce') {
    this.#service = service;
    this.#most = refusalsPerMinute;
    this.#mode = mode;
  }

  onFired(listener: Fired): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Records a measurement for the sake of an artifact, as drift where it is not what was pinned. Drift fires its duties, and
   * where the configuration expects a digest, anything else does and nothing else. What has a pin and cannot be measured
   * any more does too: otherwise growing or hiding would hide every change. Answers whether they were fired.
   */
  async measure(artifact: string, { type, subject, digest, lost, expected }: Measured): Promise<boolean> {
    const { drift, isLost } = await this.#service.askAnyone<{ drift: boolean; isLost: boolean }>({
      name: 'measure',
      caller: this.#self,
      writes: true,
      decide({ state }) {
        const pin = state.pins.get(pinOf(type, subject)) ?? expected;
        const pinned = digest === null ? '' : (pin ?? digest);
        const isLost = lost !== undefined && pin !== undefined;
        const drift = digest !== null && pinned !== digest;
        const seen = {
          measurement_type: type,
          subject,
          digest: digest ?? '',
          pinned,
          drift,
          measured: digest !== null,
        };
        return { event: { kind: 'MEASUREMENT', artifact_hash: artifact, ...seen }, tell: () => ({ drift, isLost }) };
      },
    });
    // The operator's word goes before the first use: an upgrade that the configuration expects alarms nobody.
    const alarming = digest !== null && expected !== undefined ? digest !== expected : drift || isLost;
    if (alarming) await this.fire(artifact, `drift of ${type} of ${subject}${isLost ? `: ${lost}` : ''}`);
    return alarming;
  }

  /** After a refusal of this artifact: fires its duties when there were too many in the last minute. */
  async refused(artifact: string): Promise<void> {
    const isDue = (context: Context): boolean =>
      isQuiet(artifact, context) && context.state.refusals.lately(artifact, context.now) > this.#most;
    // A question costs nothing; of the many who find it due at once, one fires.
    const due = await this.#service.askAnyone<boolean>({
      name: 'refused',
      caller: this.#self,
      writes: false,
      decide: (context) => ({ answer: isDue(context) }),
    });
    if (due) await this.#fire(artifact, `more than ${this.#most} refusals in a minute`, isDue);
  }

  /** A call of this artifact came with a proof that is not its holder's. */
  failedProof(artifact: string): Promise<void> {
    return this.#fire(artifact, 'a failed binding proof', (context) => isQuiet(artifact, context));
  }

  /** Fires every duty of the lineage, in one order everywhere. */
  fire(artifact: string, cause: string): Promise<void> {
    return this.#fire(artifact, cause, () => true);
  }

  /** When the duties of these fired last, in milliseconds since the epoch, where they have and were not lifted since. */
  lastFired(artifacts: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#service.askAnyone<ReadonlyMap<string, number>>({
      name: 'fired',
      caller: this.#self,
      writes: false,
      decide: ({ state }) => ({
        answer: new Map(
          artifacts.flatMap((artifact) => {
            const at = state.refusals.fired.get(artifact);
            return at === undefined ? [] : [[artifact, at] as const];
          }),
        ),
      }),
    });
  }

  /** Lifts what triggers have laid on an artifact. Only the operator may, and nobody for what has ended for good. */
  async resume(caller: Caller, artifact: string): Promise<void> {
    if (caller.artifact !== null) throw new Refusal('NOT_OPERATOR', 'Only the operator lifts a suspension.');
    await this.#service.askAnyone<null>({
      name: 'trigger',
      caller: this.#self,
      writes: true,
      decide({ state, now }) {
        const grant = find(state, artifact);
        const over = ended(grant, now);
        if (over) throw haltedRefusal(grant, over);
        return { event: eventOf(artifact, RESUME, 'resumed by the operator'), tell: () => null };
      },
    });
    this.#tell(artifact, RESUME);
  }

  /** Recorded all or none: a chain with the first of them has the last. */
  async #fire(artifact: string, cause: string, isDue: (context: Context) => boolean): Promise<void> {
    const fired = await this.#service.askAnyone<readonly string[]>({
      name: 'trigger',
      caller: this.#self,
      writes: true,
      decide: (context) => {
        const all = isDue(context) ? [...dutiesOf(find(context.state, artifact))].sort() : [];
        const duties = this.#mode === 'enforce' ? all : all.filter((duty) => duty === HARMLESS);
        const [event, ...after] = duties.map((trigger) => eventOf(artifact, trigger, cause));
        return event ? { event, after, tell: () => duties } : { answer: [] };
      },
    });
    for (const trigger of fired) this.#tell(artifact, trigger);
  }

  #tell(artifact: string, trigger: string): void {
    for (const listener of this.#listeners) listener(artifact, trigger);
  }
}

const eventOf = (artifact_hash: string, trigger: string, cause: string): Event => ({
  kind: 'TRIGGER',
  artifact_hash,
  trigger,
  cause,
});

const MINUTE = 60_000;
/** The duty that stops nobody. */
const HARMLESS = 'ALERT_ONLY';

/** One cause that goes on fires once a minute. */
const isQuiet = (artifact: string, { state, now }: Context): boolean =>
  state.grants.has(artifact) && (state.refusals.fired.get(artifact) ?? 0) + MINUTE <= now;
