/** An upstream for tests of prices: answers with what it is told to. */
import { createInterface } from 'node:readline';

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const tools = ['flat', 'sized', 'said', 'free', 'broken'].map((name) => ({ name, inputSchema: { type: 'object' } }));

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize') {
    const serverInfo = { name: 'priced', version: '1' };
    send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  } else if (method === 'tools/list') send({ id, result: { tools } });
  else if (method === 'tools/call') {
    const { bytes = 0, cost, slow = 0 } = params.arguments ?? {};
    if (params.name === 'broken') process.exit(1);
    const structuredContent = { usage: { cost }, filling: 'x'.repeat(bytes) };
    setTimeout(() => send({ id, result: { content: [{ type: 'text', text: 'done' }], structuredContent } }), slow);
  } else if (id !== undefined) send({ id, result: {} });
});
