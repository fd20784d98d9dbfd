/**
 * One upstream as everybody here uses it: started when it is first needed, started again when it ended, and asked one
 * thing at a time by many without one hearing the answer of another.
 */
import { canonicalize } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { RPC, RpcError } from '../mcp/rpc.ts';
import type { ResourceResult, ToolDefinition, ToolResult } from '../mcp/session.ts';
import { isStdio, type UpstreamConfig } from './config.ts';
import type { Connection } from './connection.ts';
import { Lifeline, type UpstreamOptions } from './lifeline.ts';
import { allPages } from './paging.ts';
import { headerParams, paramHeaders } from './param-headers.ts';
import { untilAborted } from './patience.ts';
import type { Progress } from './pending.ts';
import { isList, isObject, type JsonObject } from './pointer.ts';
import { asTool, asToolResult, isListable } from './result.ts';

export interface UpstreamCall {
  readonly name: string;
  readonly arguments: JsonObject | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: Progress | undefined;
  /** W3C `traceparent`. */
  readonly trace?: string | undefined;
}

interface PendingRequests extends Pick<UpstreamCall, 'progress' | 'trace'> {
  readonly signal?: AbortSignal | undefined;
  /** What its headers hold, where it has any. */
  readonly headers?: () => { readonly [name: string]: string };
}

/** An upstream that let a call time out has as long again, and at most this, to show that it is alive. */
const PING_MS = 5_000;

/** For the operator's diagnosis. */
const beginning = (item: JsonObject): string => JSON.stringify(item.name ?? item).slice(0, 128);

export class Upstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly #line: Lifeline;
  readonly #listeners = new Set<() => void>();
  #tools: Promise<readonly ToolDefinition[]> | undefined;
  /** What `#tools` resolved to. */
  #listed: readonly ToolDefinition[] | undefined;
  /** What was listed last, also by a connection that has ended. */
  #known: readonly ToolDefinition[] | undefined;
  #announced = false;

  constructor(options: UpstreamOptions) {
    this.name = options.name;
    this.config = options.config;
    this.#line = new Lifeline({
      ...options,
      onChanged: (method) => this.#changed(method),
      onLost: () => this.#forgetTools(),
    });
  }

  /** Whether its files are ours. */
  get isLocal(): boolean {
    return isStdio(this.config);
  }

  /** Whether it can be asked without being started. */
  get isOpen(): boolean {
    return this.#line.isOpen;
  }

  /** Its tools, while it can be asked and has not said that they changed. */
  get listed(): readonly ToolDefinition[] | undefined {
    return this.isOpen ? this.#listed : undefined;
  }

  /** Resolves when it can be asked. Throws `UPSTREAM_FAILED`. */
  async ready(): Promise<void> {
    await this.#line.connected();
  }

  /** As it lists them, the first of two equal names; what it listed last while it cannot be asked. Throws `UPSTREAM_FAILED`. */
  async tools(): Promise<readonly ToolDefinition[]> {
    const { listed } = this;
    if (listed) return listed;
    try {
      await this.#line.connected();
      this.#tools ??= this.#listTools();
      const asked = this.#tools;
      const tools = await asked;
      if (asked === this.#tools) this.#listed = tools;
      return tools;
    } catch (error) {
      this.#tools = undefined;
      if (this.#known && !this.#line.isOpen) return this.#known;
      throw error;
    }
  }

  /** The result exactly as it came. Throws `UPSTREAM_FAILED`, `TIMEOUT`, the reason of the signal, or the error it answered. */
  async call({ name, arguments: given, signal, progress, trace }: UpstreamCall): Promise<ToolResult> {
    const params = given === undefined ? { name } : { name, arguments: given };
    const headers = () => this.#headers(name, given);
    const result = await this.#request('tools/call', params, { signal, progress, trace, headers });
    const sound = asToolResult(result);
    if (!sound) throw this.#line.failed('sent a malformed result');
    return sound;
  }

  async prompts(): Promise<readonly JsonObject[]> {
    const listed = await this.#list('prompts', 'prompts/list', 'prompts');
    return listed.filter((item) => isListable(item, 'name'));
  }

  async resources(): Promise<readonly JsonObject[]> {
    const listed = await this.#list('resources', 'resources/list', 'resources');
    return listed.filter((item) => isListable(item, 'uri', 'name'));
  }

  async resourceTemplates(): Promise<readonly JsonObject[]> {
    const listed = await this.#list('resources', 'resources/templates/list', 'resourceTemplates');
    return listed.filter((item) => isListable(item, 'uriTemplate', 'name'));
  }

  async prompt(name: string, args: JsonObject, signal?: AbortSignal): Promise<JsonObject> {
    const result = await this.#request('prompts/get', { name, arguments: args }, { signal });
    if (!isList(result.messages)) throw this.#line.failed('sent a malformed prompt');
    return result;
  }

  async read(uri: string, signal?: AbortSignal): Promise<ResourceResult> {
    const result = await this.#request('resources/read', { uri }, { signal });
    const { contents } = result;
    if (!isList(contents) || !contents.every((each) => isObject(each) && typeof each.uri === 'string'))
      throw this.#line.failed('sent a malformed resource');
    // A cast: each has a URI, and whatever else it has is passed on.
    return result as unknown as ResourceResult;
  }

  /** Calls back when what it lists may have changed; returns the unsubscriber. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends it for now: the next need starts it again. */
  disconnect(): Promise<void> {
    return this.#line.disconnect();
  }

  /** Ends it for good, within a second. */
  close(): Promise<void> {
    return this.#line.close();
  }

  #forgetTools(): void {
    this.#tools = undefined;
    this.#listed = undefined;
  }

  #changed(method: string): void {
    if (method === 'notifications/tools/list_changed') {
      this.#forgetTools();
      this.#announced = true;
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async #request(method: string, params: JsonObject, asked: PendingRequests = {}): Promise<JsonObject> {
    const { signal, headers, ...more } = asked;
    const opened = this.#line.connected();
    const connection = await (signal && !this.isOpen ? untilAborted(opened, signal) : opened);
    const { wire } = connection;
    const { timeout } = this.config;
    try {
      return await wire.request(method, params, {
        timeout,
        ...more,
        ...(signal && { signal }),
        ...(wire.mirrors && { headers: headers?.() }),
      });
    } catch (error) {
      if (error instanceof Refusal && error.code === 'TIMEOUT') void this.#probe(connection);
      throw error;
    }
  }

  #headers(tool: string, given: JsonObject | undefined): { readonly [name: string]: string } {
    const definition = this.#known?.find(({ name }) => name === tool);
    return paramHeaders((definition && headerParams(definition.inputSchema)) ?? [], given);
  }

  /** Ends an upstream that has stopped answering altogether, so that the next call finds a new one. */
  async #probe({ wire }: Connection): Promise<void> {
    try {
      await wire.request('ping', {}, { timeout: Math.min(PING_MS, this.config.timeout) });
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'TIMEOUT')) return;
      this.#line.say('does not answer and is ended');
      await wire.close();
    }
  }

  async #listTools(): Promise<readonly ToolDefinition[]> {
    const listed = await this.#list('tools', 'tools/list', 'tools');
    const { mirrors } = (await this.#line.connected()).wire;
    const byName = new Map<string, ToolDefinition>();
    for (const item of listed) {
      const tool = asTool(item);
      if (!tool) this.#line.say(`lists what no client takes as a tool; it is left out: ${beginning(item)}`);
      else if (mirrors && !headerParams(tool.inputSchema))
        this.#line.say('marks what cannot be a header; it is left out');
      else if (!byName.has(tool.name)) byName.set(tool.name, tool);
    }
    const tools = [...byName.values()];
    const before = this.#known;
    this.#known = tools;
    const told = this.#announced;
    this.#announced = false;
    // A program that was started again may be another version of itself.
    if (!told && before && canonicalize(before) !== canonicalize(tools)) this.#tell();
    return tools;
  }

  /** All pages of a list; empty where the upstream does not offer such things. Throws `UPSTREAM_FAILED`. */
  async #list(offer: string, method: string, member: string): Promise<readonly JsonObject[]> {
    const { offers } = await this.#line.connected();
    if (!isObject(offers[offer])) return [];
    const failed = (why: string) => {
      this.#line.say(why);
      return this.#line.failed(why);
    };
    const refused = (error: unknown): JsonObject => {
      if (!(error instanceof RpcError)) throw error;
      // Some offer resources and know of no templates.
      if (error.code === RPC.method) return { [member]: [] };
      this.#line.say(`does not list its ${member}: ${error.message.slice(0, 200)}`);
      throw this.#line.failed(`does not list its ${member}`);
    };
    return allPages({ ask: (params) => this.#request(method, params).catch(refused), member, failed });
  }
}
