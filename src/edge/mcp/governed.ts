/** The session of a caller with the tools of this product: what a host sees of us over MCP. */
import * as z from 'zod';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import type { Service } from '../../service/service.ts';
import type { Tool } from '../../tools/tool.ts';
import { delegateTask, delegateTaskPrompt } from './prompt.ts';
import { ownResources } from './resources.ts';
import { refusalResult, toolResult } from './result.ts';
import { type Session, type ToolDefinition, UnknownName } from './session.ts';
import { traceIn } from './trace.ts';

type JsonObject = { readonly [name: string]: Json };

export const INSTRUCTIONS =
  'aga-delegate hands part of your authority to sub-agents. Call aga_create_artifact once for the task, then aga_delegate_to_subagent for ' +
  'each sub-agent with no more than it needs, and aga_revoke_artifact when it is done. A session bound to an artifact starts with delegating. ' +
  'A refusal says what would have been allowed: correct the request accordingly instead of repeating it.';

export function governedSession(service: Service, caller: Caller): Session {
  return {
    ...ownResources(service, caller),
    instructions: INSTRUCTIONS,
    async listTools() {
      return definitions(service);
    },
    async callTool({ name, arguments: input, meta, signal, progress }) {
      const tool = service.tools.get(name);
      if (!tool) throw new UnknownName(name);
      try {
        return toolResult(
          (await service.call(tool, input, caller, {
            signal,
            progress,
            trace: traceIn(meta.traceparent),
          })) as JsonObject,
        ); // every output schema is JSON
      } catch (error) {
        if (error instanceof Refusal) return refusalResult(error);
        throw error;
      }
    },
    async listPrompts() {
      return [delegateTaskPrompt];
    },
    async getPrompt(name, args) {
      return name === delegateTaskPrompt.name ? delegateTask(args) : undefined;
    },
    onListsChanged: () => () => undefined,
  };
}

const rendered = new WeakMap<Service, readonly ToolDefinition[]>();

/** The tools as `tools/list` shows them; made once, at the first question. */
export function definitions(service: Service): readonly ToolDefinition[] {
  const known = rendered.get(service) ?? [...service.tools.values()].map(define);
  rendered.set(service, known);
  return known;
}

function define({ name, title, description, input, output, annotations }: Tool): ToolDefinition {
  return {
    name,
    title,
    description,
    inputSchema: jsonSchema(input, 'input'),
    outputSchema: jsonSchema(output, 'output'),
    annotations: { ...annotations },
  };
}

function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return prune(rest as JsonObject) as JsonObject; // JSON Schema is JSON
}

/** Bounds that no honest request meets cost every agent that reads them; they are kept where requests are judged. */
const UNSAID = new Set(['propertyNames', 'pattern', 'minLength', 'maxLength', 'maxItems', 'minimum', 'maximum']);

function prune(value: Json): Json {
  if (Array.isArray(value)) return value.map(prune);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([name]) => !UNSAID.has(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, prune(member)]));
}
