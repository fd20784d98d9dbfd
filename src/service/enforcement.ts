/** What happens when something is wrong: measurements are recorded, and drift or too many refusals fire the lineage's duties. */

import { pinOf } from '../authority/event/measurement.ts';
import { dutiesOf, RESUME } from '../authority/event/trigger.ts';
import { find } from '../authority/find.ts';
import { Refusal } from '../base/refusal.ts';
import { type Caller, operator } from '../caller.ts';
import type { Service } from './service.ts';

export interface Measured {
  readonly type: string;
  /** Name of the upstream. */
  readonly subject: string;
  /** Hex SHA-256; null where this type cannot be measured here. */
  readonly digest: string | null;
  /** The digest that the configuration expects, where it names one. */
  readonly expected?: string | undefined;
}

/** Called in this process after a trigger fired: what a trigger means for connections is for their owners. */
export type Fired = (artifact: string, trigger: string) => void;

export class Enforcement {
  readonly #service: Service;
  readonly #most: number;
  readonly #listeners = new Set<Fired>();
  /** The enforcement itself acts for the operator. */
  readonly #self: Caller = operator();

  constructor(service: Service, refusalsPerMinute: number) {
    this.#service = service;
    this.#most = refusalsPerMinute;
  }

  onFired(listener: Fired): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Records a measurement for the sake of an artifact; drift fires its duties. Answers whether there was drift. */
  async measure(artifact: string, { type, subject, digest, expected }: Measured): Promise<boolean> {
    const drift = await this.#service.askAnyone<boolean>({
      name: 'measure',
      caller: this.#self,
      writes: true,
      decide({ state }) {
        const pinned = digest === null ? '' : (state.pins.get(pinOf(type, subject)) ?? expected ?? digest);
        const drift = digest !== null && pinned !== digest;
        const seen = {
          measurement_type: type,
          subject,
          digest: digest ?? '',
          pinned,
          drift,
          measured: digest !== null,
        };
        return { event: { kind: 'MEASUREMENT', artifact_hash: artifact, ...seen }, tell: () => drift };
      },
    });
    if (drift) await this.fire(artifact, `drift of ${type} of ${subject}`);
    return drift;
  }

  /** After a refusal of this artifact: fires its duties when there were too many in the last minute. */
  async refused(artifact: string): Promise<void> {
    const most = this.#most;
    const due = await this.#service.askAnyone<boolean>({
      name: 'refused',
      caller: this.#self,
      writes: false,
      decide: ({ state, now }) => {
        const quiet = (state.fired.get(artifact) ?? 0) + MINUTE <= now;
        return { answer: quiet && state.grants.has(artifact) && state.refusedLately(artifact, now) > most };
      },
    });
    if (due) await this.fire(artifact, `more than ${most} refusals in a minute`);
  }

  /** Fires every duty of the lineage, in one order everywhere. */
  async fire(artifact: string, cause: string): Promise<void> {
    const duties = await this.#service.askAnyone<string[]>({
      name: 'fire',
      caller: this.#self,
      writes: false,
      decide: ({ state }) => ({ answer: [...dutiesOf(find(state, artifact))].sort() }),
    });
    for (const trigger of duties) await this.#record(artifact, trigger, cause);
  }

  /** Lifts what triggers have laid on an artifact. Only the operator may. */
  async resume(caller: Caller, artifact: string): Promise<void> {
    if (caller.artifact !== null) throw new Refusal('NOT_OPERATOR', 'Only the operator lifts a suspension.');
    await this.#record(artifact, RESUME, 'resumed by the operator');
  }

  async #record(artifact: string, trigger: string, cause: string): Promise<void> {
    await this.#service.askAnyone<null>({
      name: 'trigger',
      caller: this.#self,
      writes: true,
      decide: () => ({ event: { kind: 'TRIGGER', artifact_hash: artifact, trigger, cause }, tell: () => null }),
    });
    for (const listener of this.#listeners) listener(artifact, trigger);
  }
}

const MINUTE = 60_000;
