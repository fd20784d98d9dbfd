/** An upstream with fifty tools of an ordinary size that costs as little as a server can: what is measured is before it. */
import { createInterface } from 'node:readline';

const TOOLS = Array.from({ length: 50 }, (_, n) => ({
  name: `tool-${n}`,
  title: `Tool ${n}`,
  description: `Looks for what is asked for in part ${n} of the archive and answers with what was found there, best first.`,
  inputSchema: {
    type: 'object',
    properties: {
      query: { type: 'string', description: 'What to look for, in words' },
      limit: { type: 'integer', minimum: 1, maximum: 100, description: 'How many answers at most' },
      tags: { type: 'array', items: { type: 'string' }, description: 'Only what has all of these tags' },
    },
    required: ['query'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true },
}));

const ANSWERS: { readonly [method: string]: object } = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'fifty', version: '1' },
  },
  'tools/list': { tools: TOOLS },
  'tools/call': { content: [{ type: 'text', text: 'found' }] },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line) as { id?: number; method: string };
  if (id === undefined) return;
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: ANSWERS[method] ?? {} })}\n`);
});
