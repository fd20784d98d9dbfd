/** Every MCP tool as a route: its input is the body, its structured output the answer. */
import { Refusal } from '../../../base/refusal.ts';
import { delegateToSubagent } from '../../../tools/delegate-to-subagent.ts';
import type { Tool } from '../../../tools/tool.ts';
import { traceIn } from '../../mcp/trace.ts';
import { type Route, route } from '../route.ts';

export const routeOf = (tool: Tool): Route =>
  route({
    method: 'POST',
    path: `/api/v1/tools/${tool.name}`,
    summary: tool.title,
    access: 'bearer',
    body: tool.input,
    judges: true,
    output: tool.output,
    async answer({ body, caller, headers, signal }, { service, mints, onRefused }) {
      if (tool.name === delegateToSubagent.name && caller.artifact !== null) mints.take(caller.artifact);
      try {
        return { json: await service.call(tool, body, caller, { signal, trace: traceIn(headers.traceparent) }) };
      } catch (error) {
        if (error instanceof Refusal && caller.artifact) onRefused(caller.artifact);
        throw error;
      }
    },
  });
