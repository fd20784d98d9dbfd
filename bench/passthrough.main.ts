/**
 * What any gateway on these SDKs costs at least: their server in front, their client behind, and every tool call handed
 * from one to the other. It judges nothing and writes nothing down. The arguments are the command of the upstream.
 */
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type Result, Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const [command = '', ...args] = process.argv.slice(2);
const client = new Client({ name: 'passthrough', version: '1' });
const connected = client.connect(new StdioClientTransport({ command, args, stderr: 'ignore' }));

serveStdio(() => {
  const server = new Server({ name: 'passthrough', version: '1' }, { capabilities: { tools: {} } });
  server.fallbackRequestHandler = async (request) => {
    await connected;
    // Casts: whatever was asked, and whatever was answered.
    const { method, params } = request as unknown as { method: 'tools/call'; params: { name: string } };
    return (await client.request({ method, params })) as Result;
  };
  return server;
});
