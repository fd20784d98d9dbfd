/** The tools as one thing that can be called: strict input, a live caller, one decision. */
import type * as z from 'zod';
import { budgetLeft, smaller } from '../authority/budget.ts';
import { decide, type Question } from '../authority/decide.ts';
import { heldForCall, proposeReservation } from '../authority/event/spend-reserved.ts';
import { endsWithBudget } from '../authority/exhaustion.ts';
import { Refusal } from '../base/refusal.ts';
import { sayIssue } from '../base/wording.ts';
import { type Caller, operator } from '../caller.ts';
import type { Call } from '../sequencer/call.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { Reader, Tool } from '../tools/tool.ts';
import { traced } from '../tracing.ts';
import { admit, grantOf } from './admission.ts';
import type { Mode, Verdict } from './verdict.ts';

export type Output = { readonly [member: string]: unknown };

/** What came with a call beside its input. */
export interface Circumstances {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((update: { progress: number; total?: number; message?: string }) => void) | undefined;
  /** W3C `traceparent`. */
  readonly trace?: string | undefined;
}

export interface Errand extends Circumstances {
  readonly input: Output;
  readonly caller: Caller;
}

/** What a tool does beside the chain, before and after it is asked. */
export type Around = (ask: () => Promise<Output>, errand: Errand) => Promise<Output>;

/** What a store offers that can tell when another process has appended. */
interface News {
  onNews?(listener: () => void): () => void;
}

export class Service {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly #sequencer: Sequencer;
  readonly #news: News;
  #arounds: ReadonlyMap<string, Around> = new Map();
  #called: () => void = () => {};

  constructor(sequencer: Sequencer, tools: readonly Tool[], news: News = {}) {
    this.#sequencer = sequencer;
    this.#news = news;
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
  }

  /** By the name of the tool; a tool itself only proposes and answers. */
  surround(arounds: ReadonlyMap<string, Around>): void {
    this.#arounds = arounds;
  }

  /** Calls back behind each call that may have written. One at a time; returns the unsubscriber. */
  onCalled(listener: () => void): () => void {
    this.#called = listener;
    return () => {
      this.#called = () => {};
    };
  }

  /** Calls a tool that exists. Throws its refusal. */
  async call<O extends z.ZodObject>(
    tool: Tool<z.ZodObject, O>,
    input: unknown,
    caller: Caller,
    circumstances: Circumstances = {},
  ): Promise<z.infer<O>> {
    const parsed = parseInput(tool, input);
    const about = {
      'aga.tool': tool.name,
      'aga.binding': caller.binding,
      'aga.artifact': caller.artifact ?? undefined,
    };
    const output = await traced(tool.name, about, circumstances.trace, (trace) =>
      this.#call(tool, parsed, caller, { ...circumstances, trace }),
    );
    if (!tool.annotations.readOnlyHint) this.#called();
    return output as z.infer<O>; // what `decide` was declared to answer
  }

  #call(tool: Tool, parsed: Output, caller: Caller, circumstances: Circumstances): Promise<Output> {
    const { trace } = circumstances;
    const ask = (): Promise<Output> =>
      this.#sequencer.submit<Output>({
        name: tool.name,
        caller,
        writes: !tool.annotations.readOnlyHint,
        decide(context) {
          admit(context);
          return tool.decide(parsed, trace === undefined ? context : { ...context, trace });
        },
        // Without a state nobody can say whether a bound caller's authority still lives.
        ...(caller.artifact === null && tool.whenBroken && { whenBroken: tool.whenBroken(parsed) }),
      });
    return this.#arounds.get(tool.name)?.(ask, { ...circumstances, input: parsed, caller }) ?? ask();
  }

  /**
   * Judges a call of an upstream tool, or an act that an enforcement point asks about. Resolves when the verdict stands
   * on the chain; a refusal is a verdict too, and throws only where the caller is not known.
   */
  async decide(caller: Caller, question: Omit<Question, 'binding' | 'mode'>, mode: Mode): Promise<Verdict> {
    return this.#sequencer.submit<Verdict>({
      name: 'decide',
      caller,
      writes: true,
      decide({ state, now, nonce }) {
        const { artifact, session } = caller;
        // An operator has no root yet, or none that is remembered.
        const grant =
          artifact === null ? (state.grants.get(session.lastRoot ?? '') ?? null) : grantOf(artifact, caller, state);
        const { event, ...why } = decide(grant, { ...question, binding: caller.binding, mode }, now);
        const { price } = question;
        const money = grant && price && event.code === null ? smaller(price.most, budgetLeft(grant)) : null;
        const held = grant && money && proposeReservation(grant, money, heldForCall(nonce()), now, null);
        const isBroke = grant && price && event.code === 'BUDGET_EXHAUSTED' && mode === 'enforce';
        return {
          event,
          after: held ? [held] : isBroke ? endsWithBudget(state, grant, price.least) : [],
          tell: (_, { sequence_number }) => ({
            code: event.code,
            ...why,
            grant,
            held: held && money ? { reservation: held.reservation_id, money } : null,
            sequence_number,
          }),
        };
      },
    });
  }

  /** Begins the chain where there is none, and finds out early whether keys and chain belong together. */
  begin(): Promise<null> {
    return this.askAnyone({ name: 'begin', caller: operator(), writes: true, decide: () => ({ answer: null }) });
  }

  /** Decides at the head of the chain something that is no tool. `decide` is shown a caller that may speak (`admit`). */
  ask<O>(call: Call<O>): Promise<O> {
    return this.#sequencer.submit<O>({
      ...call,
      decide(context) {
        admit(context);
        return call.decide(context);
      },
    });
  }

  /** The same for somebody who shows a secret instead of a standing: `decide` must judge it. */
  askAnyone<O>(call: Call<O>): Promise<O> {
    return this.#sequencer.submit(call);
  }

  /** Reads the chain without queueing and without asking who may: for callers that have made sure of that. */
  get reader(): Reader {
    return this.#sequencer.reader;
  }

  /** Why nothing could be written a moment ago; undefined where all is well, as far as anybody knows. */
  get unwritable(): Refusal | undefined {
    return this.#sequencer.unwritable;
  }

  /** Reads the chain as the caller may; throws where the caller's authority has ended. */
  async read<O>(caller: Caller, answer: (reader: Reader) => Promise<O>): Promise<O> {
    return this.#sequencer.submit<O>({
      name: 'read',
      caller,
      writes: false,
      decide(context) {
        admit(context);
        return { later: answer };
      },
    });
  }

  /** Calls back when another process may have appended. Only a hint, so poll as well. Returns the unsubscriber. */
  onNews(listener: () => void): () => void {
    return this.#news.onNews?.(listener) ?? (() => {});
  }

  /** Brings the state to the head of the chain, so that the next call has less to follow. */
  async follow(): Promise<void> {
    await this.askAnyone({ name: 'follow', caller: operator(), writes: false, decide: () => ({ answer: null }) });
  }

  close(): Promise<void> {
    return this.#sequencer.close();
  }
}

function parseInput(tool: Tool, input: unknown = {}): Record<string, unknown> {
  const parsed = tool.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 20).map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: sayIssue(issue, tool.input),
  }));
  const said = issues.slice(0, 5).map(({ path, message }) => `${path || 'arguments'}: ${message}`);
  throw new Refusal('INVALID_REQUEST', `Invalid arguments for ${tool.name}: ${said.join('; ')}.`, {
    detail: { issues },
  });
}
