/**
 * What a tool is. A tool is pure: it proposes an event or answers from state, and never writes.
 *
 * MCP registration, the schema snapshot and the README row derive from what is declared here.
 */
import type * as z from 'zod';
import type { AuditReport } from '../authority/audit.ts';
import type { Question } from '../authority/decide.ts';
import type { Event } from '../authority/event/index.ts';
import type { State } from '../authority/state.ts';
import type { Json } from '../base/canonical.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import type { Cosigned } from '../evidence/cosigned.ts';
import type { Archive, Page, Query, Signer, Tree } from '../ports.ts';
import type { Limits } from '../scope/limits.ts';
import type { Ceiling, Presets } from '../scope/preset.ts';
import type { Act } from '../scope/scope.ts';
import type { JobPolicy } from './available.ts';

/** Where an entry is on the chain. */
export interface ChainPosition {
  readonly sequence_number: number;
  readonly entry_hash: string;
}

/** What the operator has configured for everybody. */
export interface Policy {
  readonly presets: Presets;
  /** Bounds every root; null for the built-in ceiling. */
  readonly rootCeiling: Ceiling | null;
  /** Limits of a root that names none. */
  readonly rootLimits: Limits;
  /** Flags that another process needs to find this installation. */
  readonly launch: readonly string[];
  /** Environment variables that it needs for the same; absent if none. */
  readonly launchEnv?: { readonly [name: string]: string };
  /** Absent where no server stands behind the gateway. */
  readonly behind?: Behind;
  /** The agents that take jobs; absent if there are none. */
  readonly jobs?: JobPolicy;
}

/** What the configuration says of the servers behind the gateway; a tool is `<server>/<tool>`. */
export interface Behind {
  readonly servers: ReadonlySet<string>;
  /** What a call would touch, by the map of its server. Throws where that refuses the call. */
  touched(tool: string, given: { readonly [name: string]: Json }): readonly Act[];
  /** What a call is held to cost; undefined where it costs nothing. */
  price(tool: string): Question['price'];
}

/** What a tool knows while it decides. */
export interface Context {
  readonly state: State;
  /** Milliseconds since the epoch; becomes the timestamp of the entry. */
  readonly now: number;
  readonly caller: Caller;
  readonly authority: Signer;
  readonly policy: Policy;
  /** Where a proposed event would be on the chain: its number, and the hash of the entry before it. */
  readonly place: { readonly sequence: number; readonly previousHash: string };
  /** W3C `traceparent` of the call; absent where it had none. */
  readonly trace?: string;
  /** 16 fresh random bytes, base64url. */
  nonce(): string;
  /** The secret by which an artifact's agent enrols; always the same for the same artifact. */
  enrolmentToken(artifactHash: string): string;
}

/** The chain as a reader sees it, for answers that need more than the state. */
export interface Reader {
  read(query: Query): Promise<Page>;
  /** The texts of a job's events, by digest. */
  said(jobId: string): Promise<ReadonlyMap<string, Json>>;
  /** Judges the whole chain again; `authority` is the did:key to trust instead of this installation's. */
  audit(authority?: string): Promise<AuditReport>;
  /** The hash tree over the entries. */
  readonly nodes: Tree['nodes'];
  /** The log's key: it vouches for what is exported. */
  readonly log: Signer;
  readonly archive: Archive;
  /** Checkpoints that witnesses have cosigned, newest first; absent where none are asked. */
  cosigned?(): Promise<readonly Cosigned[]>;
}

/** What a tool decided. */
export type Step<O> =
  | { readonly answer: O }
  /** `tell` derives the answer from the event alone, so that a repeated request gets the same answer. */
  | {
      readonly event: Event;
      /** Written with it, all or nothing. The tool must make sure that each is allowed after the one before. */
      readonly before?: readonly Event[];
      readonly after?: readonly Event[];
      tell(event: Event, chain: ChainPosition): O;
    }
  /** The request was answered before; this is the number of the entry that it wrote. */
  | { readonly recall: number; tell(event: Event, chain: ChainPosition): O }
  | { later(reader: Reader): Promise<O> };

export interface Annotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: I;
  readonly output: O;
  readonly annotations: Annotations;
  /** Throws a refusal. */
  decide(input: z.infer<I>, context: Context): Step<z.infer<O>>;
  /** What the tool can still answer the operator when the chain is broken and `decide` cannot be asked. */
  whenBroken?(input: z.infer<I>): (reader: Reader, why: Refusal) => Promise<z.infer<O>>;
}

/** What a tool answers. */
export type Answer<T extends Tool> = z.infer<T['output']>;

/** Declares a tool with its types inferred. One list can hold tools of all types, since `decide` only gets what its own `input` parsed. */
export const tool = <I extends z.ZodObject, O extends z.ZodObject>(declared: Tool<I, O>): Tool<I, O> => declared;
