/** What a command of the command line is. */
import type { Option } from 'commander';
import type * as z from 'zod';
import type { Refusal } from '../../base/refusal.ts';
import type { Settings } from '../../config.ts';
import type { ServeOptions, Serving } from '../../installation/serving.ts';
import type { Standing } from '../../service/standing.ts';
import type { Reader, Tool } from '../../tools/tool.ts';
import type { Witnesses } from '../../witness/desk.ts';
import type { AgentList } from '../http/agent.ts';
import type { Paint, Side, Terminal } from './terminal.ts';

/** The installation, as a command uses it. */
export interface Opened {
  /** did:key of the authority. */
  readonly authority: string;
  /** C2SP verifier key of the log. */
  readonly log: string;
  /** Calls back while a whole chain is judged: entries done, entries there are. */
  watch(listener: (done: number, total: number) => void): void;
  /** Calls a tool as the caller that the settings name. Throws its refusal. */
  call<O extends z.ZodObject>(tool: Tool<z.ZodObject, O>, input: object): Promise<z.infer<O>>;
  /** Reads the chain whole; for the operator only. Throws its refusal. */
  readAll<O>(answer: (reader: Reader) => Promise<O>): Promise<O>;
  /** Lifts what triggers have laid on an artifact. Throws its refusal. */
  resume(hash: string): Promise<void>;
  /** The agents that the caller sees, parents before children. */
  agents(): Promise<AgentList>;
  /** The agent that this process is. Throws `NO_ARTIFACT` where it is the operator. */
  standing(): Promise<Standing>;
  /** Who cosigns the checkpoints; for the operator only. Throws its refusal. */
  witnesses(): Promise<Witnesses>;
  /** Judges what a host tells its hook; null where nothing is said against it. `servers`: what the host calls us. */
  hook(told: Uint8Array, servers: readonly string[]): Promise<Refusal | null>;
  /** Serves the installation over HTTP. Throws `CannotStart`. */
  serve(options: ServeOptions): Promise<Serving>;
}

/** What a command works with. */
export interface Desk {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Throws `CannotStart`. */
  settings(): Settings;
  /** Opens the data directory, once; it is closed when the command ends. Throws `CannotStart`. */
  open(): Promise<Opened>;
}

export interface Given {
  /** Parameters of the tool. */
  readonly input: { readonly [parameter: string]: unknown };
  /** Options of the command's own, by their names in camel case. */
  readonly options: { readonly [option: string]: unknown };
  /** The words after `--`, for a command that takes them. */
  readonly words?: readonly string[] | undefined;
}

export interface Outcome {
  /** What `--json` prints. */
  readonly answer: object;
  /** The same for people. */
  text(out: Side): string;
  /** Nothing is printed, and this is the exit code: of another program, for which it stands. */
  readonly exit?: number;
  /** The answer is a no: exit 1. */
  readonly failed?: boolean;
}

export const GROUPS = ['Delegate:', 'Look:', 'Set up:'] as const;

export interface Command {
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  readonly summary: string;
  /** Command lines without the program's name, and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  /** The tool that it is: its parameters are the flags. */
  readonly tool?: Tool;
  /** Parameters of a command that is no tool. */
  readonly input?: z.ZodObject;
  /** Parameters that are no flags, because the command knows them. */
  readonly known?: readonly string[];
  /** Parameters that the tool needs and the command finds out by itself. */
  readonly optional?: readonly string[];
  /** The hash that may stand without its flag. */
  readonly hash?: { readonly parameter: string; readonly required: boolean };
  /** What the file is that may stand without a flag; given as the option `file`. */
  readonly file?: string;
  /** It looks at what there is: where that is nothing yet, most likely another place was meant. */
  readonly looks?: true;
  readonly options?: readonly Option[];
  /** Words that stand without a flag, in this order; given as the options of these names. Instead of `hash` and `file`. */
  readonly places?: readonly {
    readonly name: string;
    readonly help: string;
    /** It must be given, and is one of these. */
    readonly choices?: readonly string[];
  }[];
  /** What the words after `--` are, where it takes any. */
  readonly words?: string;
  /** Nothing where the command has printed by itself. Throws refusals and `CannotStart`. */
  run(desk: Desk, given: Given): Promise<Outcome | undefined>;
}

export const short = (hash: string, paint: Paint = (_, text) => text): string => paint('dim', hash.slice(0, 12));
