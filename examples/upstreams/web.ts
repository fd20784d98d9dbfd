/** An MCP server with one tool: it fetches a page. It follows no redirect, which would lead where nobody was asked. */
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';

serveStdio(() => {
  const server = new McpServer({ name: 'web', version: '1.0.0' });
  const inputSchema = z.strictObject({ url: z.string().describe('Page to fetch') });
  server.registerTool(
    'fetch',
    { title: 'Fetch a page', description: 'Fetches a page', inputSchema },
    async ({ url }) => {
      const response = await fetch(url, { redirect: 'error' });
      const text = await response.text();
      return { content: [{ type: 'text', text }], ...(!response.ok && { isError: true }) };
    },
  );
  return server;
});
