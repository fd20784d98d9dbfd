/** What an MCP connection can be asked, in plain JSON: the MCP edge serves it, and knows nothing else of the product. */
import type { Json } from '../../base/canonical.ts';
import type { McpRequest } from './mcp-request.ts';

type JsonObject = { readonly [name: string]: Json };

export interface ToolDefinition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: JsonObject;
  readonly _meta?: JsonObject;
}

export interface ToolCall {
  readonly name: string;
  /** As strictly parsed from the wire; absent when the call had none. */
  readonly arguments: JsonObject | undefined;
  readonly meta: JsonObject;
  /** The JSON-RPC id, for the record only; never used to correlate. */
  readonly requestId: string | number;
  /** Aborted when the caller cancels or the connection ends. */
  readonly signal: AbortSignal;
  /** Sends a progress notification to the caller; does nothing when it asked for none. */
  progress(update: { progress: number; total?: number; message?: string }): void;
}

/** An MCP CallToolResult: passed on as it is. */
export interface ToolResult {
  readonly content: readonly JsonObject[];
  readonly structuredContent?: JsonObject;
  readonly isError?: boolean;
  readonly _meta?: JsonObject;
}

export interface ResourceContent {
  readonly uri: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly blob?: string;
}

/** An MCP ReadResourceResult: passed on as it is. */
export interface ResourceResult {
  readonly contents: readonly ResourceContent[];
  readonly _meta?: JsonObject;
  /** Since revision 2026-07-28: `public`, `private`. */
  readonly cacheScope?: string;
}

/** Who is told about one resource. */
export interface ResourceWatch {
  changed(): void;
  /** The caller may read it no more; nothing follows. */
  ended(): void;
}

/** Who asks for a prompt or a resource; its signal is aborted when the caller cancels or the connection ends. */
export type Asking = Pick<McpRequest, 'id' | 'signal'>;

export interface Session {
  /** Shown to the model when the connection opens. */
  readonly instructions: string;
  listTools(): Promise<readonly ToolDefinition[]>;
  /** Never throws for a refusal: that is a result with `isError`. Throws `UnknownName` for a tool nobody has. */
  callTool(call: ToolCall): Promise<ToolResult>;
  listResources(): Promise<readonly JsonObject[]>;
  listResourceTemplates(): Promise<readonly JsonObject[]>;
  /** `undefined`: no such resource, or none that this caller may know of. */
  readResource(uri: string, asking?: Asking): Promise<ResourceResult | undefined>;
  /**
   * Watches a resource that this caller may read; returns the unsubscriber, or `undefined` where nobody can tell when that
   * one changes. Throws refusals. Absent where no resource can be watched.
   */
  watchResource?(uri: string, watch: ResourceWatch): Promise<(() => void) | undefined>;
  listPrompts(): Promise<readonly JsonObject[]>;
  /** An MCP GetPromptResult; `undefined`: no such prompt. */
  getPrompt(name: string, args: JsonObject, asking?: Asking): Promise<JsonObject | undefined>;
  /** Calls back whenever what is listed (tools, resources, prompts) may have changed; returns the unsubscriber. */
  onListsChanged(listener: () => void): () => void;
}

/** A name that nobody answers to: a protocol error, not a refusal. */
export class UnknownName extends Error {
  override readonly name = 'UnknownName';
}
