/** The routes. One is one line here; those of the tools derive from their list. */
import type { Tool } from '../../../tools/tool.ts';
import type { ServerInfo } from '../../mcp/server.ts';
import { type McpEndpoint, mcpRoute } from '../mcp.ts';
import { describe } from '../openapi.ts';
import type { Route } from '../route.ts';
import { getAgent, listAgents, revokeAgent } from './agents.ts';
import { presentArtifacts } from './artifacts.ts';
import { authorize } from './authorize.ts';
import { followChain, readChain } from './chain.ts';
import { delegate } from './delegate.ts';
import { enroll, register } from './enroll.ts';
import { followJob, sayInJob, takeJob } from './jobs.ts';
import { checkpoint, cosignedCheckpoint, description, health, prometheus } from './open.ts';
import { tiles } from './tiles.ts';
import { routeOf } from './tools.ts';

export function routesWith(tools: Iterable<Tool>, info: ServerInfo, endpoint: McpEndpoint): readonly Route[] {
  const described = (): object => describe(routes, info.version);
  const routes: readonly Route[] = [
    delegate,
    enroll,
    register,
    listAgents,
    getAgent,
    revokeAgent,
    authorize,
    presentArtifacts,
    readChain,
    followChain,
    health,
    checkpoint,
    cosignedCheckpoint,
    prometheus,
    followJob,
    takeJob,
    sayInJob,
    ...tiles,
    ...Array.from(tools, routeOf),
    mcpRoute(endpoint),
    description(described),
  ];
  return routes;
}
