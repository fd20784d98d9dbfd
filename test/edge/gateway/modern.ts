/** An upstream that speaks revision 2026-07-28 and nothing earlier. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

serveStdio(
  () => {
    const server = new Server({ name: 'modern', version: '1' }, { capabilities: { tools: { listChanged: true } } });
    server.fallbackRequestHandler = async ({ method, params }, { mcpReq }) => {
      if (method === 'tools/list')
        return {
          tools: [
            { name: 'step', inputSchema: { type: 'object' } },
            { name: 'ask', inputSchema: { type: 'object' } },
          ],
        };
      if (params?.name === 'ask') return { resultType: 'input_required', requestState: 'x' };
      const progressToken = mcpReq._meta?.progressToken;
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
      await sleep(20);
      return { content: [{ type: 'text', text: JSON.stringify(params?.arguments ?? null) }], extra: { kept: true } };
    };
    return server;
  },
  { legacy: 'reject' },
);
