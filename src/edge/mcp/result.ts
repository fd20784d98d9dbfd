/** The two shapes in which a tool answers over MCP; the HTTP edge and the command line show the same JSON. */
import type { Json } from '../../base/canonical.ts';
import type { Refusal, RefusalBody } from '../../base/refusal.ts';
import type { ToolResult } from './session.ts';

/** Several hosts show the model only `structuredContent`, others only the text: both hold the same JSON. */
export function toolResult(structured: { readonly [name: string]: Json }): ToolResult {
  return { content: text(structured), structuredContent: structured };
}

/** A no is an answer, not a protocol error: the model reads it and corrects itself. */
export function refusalResult(refusal: Refusal): ToolResult {
  return { content: text(refusalBody(refusal)), isError: true };
}

/** The JSON of a refusal, the same on every edge. */
export function refusalBody(refusal: Refusal): { readonly error: RefusalBody } {
  return { error: refusal.body };
}

const text = (value: object): ToolResult['content'] => [{ type: 'text', text: JSON.stringify(value) }];
