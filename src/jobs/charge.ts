/** One job in the charge of this process, from its start to the end of its processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../base/refusal.ts';
import type { Agent, Task, Working } from './agent.ts';
import { Allowance } from './allowance.ts';
import type { End, JobRecord, Said } from './record.ts';
import { FAILED, type Saying } from './saying.ts';

export interface ChargeOptions {
  readonly task: Task;
  readonly agent: Agent;
  readonly record: JobRecord;
  /** How long it may take to end by itself, in milliseconds. */
  readonly grace: number;
  /** Told of everything that is on the chain now. */
  readonly changed: () => void;
  readonly report: (error: unknown) => void;
}

/** How often the end is tried to be written that could not be. */
const AGAIN_MS = 2000;
/** How often it is said that it still is not. */
const REMIND_MS = 60_000;

export class Charge {
  readonly #options: ChargeOptions;
  readonly #allowance = new Allowance();
  readonly #waiting: Said[] = [];
  #working: Working | undefined;
  #isGone = false;
  #isOver = false;
  #code: string | null = null;
  #clock: NodeJS.Timeout | undefined;
  #beginning: NodeJS.Immediate | undefined;
  #tellGone = (): void => {};
  /** Resolves when none of its processes is left. */
  readonly gone = new Promise<void>((resolve) => {
    this.#tellGone = resolve;
  });

  constructor(options: ChargeOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why it ended; null while it has not, and for a success. */
  get code(): string | null {
    return this.#code;
  }

  start(): void {
    const { agent, task } = this.#options;
    if (this.#isOver) return;
    // When one elsewhere begins is not heard here: its time counts from now.
    if (agent.isRemote) this.#limit();
    this.#working = agent.start(task, {
      began: () => this.#began(),
      say: (saying) => this.#hear(saying),
      gone: (why) => this.#goneBy(why),
    });
  }

  #began(): void {
    if (this.#isOver) return;
    this.#limit();
    // One that has a result at once shares a commit between its beginning and its end.
    this.#beginning = setImmediate(() => this.#run());
  }

  #run(): void {
    if (!this.#beginning) return;
    clearImmediate(this.#beginning);
    this.#beginning = undefined;
    const { task, record, changed, report } = this.#options;
    // Where it is refused, the end of the job is on its way.
    record.running(task.jobId).then(changed, report);
  }

  #limit(): void {
    const { maxRuntimeSeconds: seconds } = this.#options.agent;
    if (seconds === undefined) return;
    const said = { message: `The agent may run for ${seconds} s and did not end.` };
    const late = (): void => void this.end({ state: 'timed_out', code: 'TIMEOUT', said });
    this.#clock = setTimeout(late, Math.min(seconds * 1000, 0x7fffffff));
  }

  /** Ends the job; its processes get the grace, or nothing of it. */
  async end(end: End, grace = this.#options.grace): Promise<void> {
    if (this.#isOver) return this.gone;
    this.#isOver = true;
    this.#code = end.code;
    clearTimeout(this.#clock);
    const written = this.#write(end);
    if (!this.#isGone && this.#working) {
      // An agent that gave a result ends by itself; the others are told to stop.
      if (end.state !== 'success' && grace > 0) this.#working.stop();
      const quiet = new AbortController();
      if (grace > 0) {
        await Promise.race([this.gone, sleep(grace, undefined, { signal: quiet.signal }).catch(() => undefined)]);
        quiet.abort();
      }
      if (!this.#isGone) await this.#working.kill().catch(this.#options.report);
    }
    this.#isGone = true;
    this.#tellGone();
    await written;
  }

  async #write(end: End): Promise<void> {
    const { report } = this.#options;
    try {
      this.#run();
      const missed = this.#allowance.missed();
      if (missed > 0) this.#waiting.push({ type: 'log', said: { message: `${missed} events were left out here.` } });
      this.#drain();
      // Submitted before anything is waited for, so that it shares a commit with what came before it.
      await this.#ended(end);
    } catch (error) {
      report(error);
      this.#later(end);
    }
  }

  async #ended(end: End): Promise<void> {
    const { record, task, changed } = this.#options;
    await record.ended(task.jobId, end);
    changed();
  }

  /** What a full disk keeps from being written is written when it has room again; else the job would seem to go on. */
  #later(end: End, told = performance.now()): void {
    const again = (error: unknown): void => {
      const isTime = performance.now() - told >= REMIND_MS;
      if (isTime) this.#options.report(this.#unwritten(error));
      this.#later(end, isTime ? performance.now() : told);
    };
    setTimeout(() => this.#ended(end).catch(again), AGAIN_MS).unref();
  }

  #unwritten(error: unknown): Refusal {
    const { message } = Refusal.from(error);
    return new Refusal('INTERNAL', `The end of job ${this.#options.task.jobId} is still not written: ${message}`);
  }

  #hear(saying: Saying): void {
    if (this.#isOver) return;
    if (saying.type === 'result') void this.end({ state: 'success', code: null, said: saying.result });
    else if (saying.type === 'error') {
      void this.end({ state: 'error', code: saying.code, said: { message: saying.message } });
    } else if (this.#allowance.take()) {
      // What is said in one turn is written together.
      if (this.#waiting.push(saying) === 1) setImmediate(() => this.#drain());
    }
  }

  #drain(): void {
    this.#run();
    const { record, task, changed, report } = this.#options;
    const some = this.#waiting.splice(0);
    if (some.length > 0) record.said(task.jobId, some).then(changed, report);
  }

  #goneBy(why: string): void {
    this.#isGone = true;
    this.#tellGone();
    void this.end({ state: 'error', code: FAILED, said: { message: why } });
  }
}
