/** An agent that starts `aga-delegate` without arguments, as its environment lets it, and gives work to others. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const input = JSON.parse(readFileSync(0, 'utf8'));
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const server = spawn(process.execPath, [join(import.meta.dirname, '../../dist/aga-delegate.cjs')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const waiting = new Map<number, (result: any) => void>();
createInterface({ input: server.stdout }).on('line', (line) => {
  const { id, result } = JSON.parse(line);
  waiting.get(id)?.(result);
});
let last = 0;
const request = (method: string, params: object): Promise<any> =>
  new Promise((resolve) => {
    last += 1;
    waiting.set(last, resolve);
    server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: last, method, params })}\n`);
  });
const call = async (name: string, given: object): Promise<any> => {
  const { structuredContent, content } = await request('tools/call', { name, arguments: given });
  return structuredContent ?? JSON.parse(content[0].text);
};
const clientInfo = { name: 'agent', version: '1' };
await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
const results: unknown[] = [];
for (const { tool, given } of input.calls) {
  results.push(await call(tool, given));
  say({ type: 'progress', progress: results.length, total: input.calls.length });
}
say({ type: 'result', result: results });
server.stdin.end();
