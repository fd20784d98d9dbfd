/**
 * An upstream that does what an upstream must not: raw JSON-RPC over stdio, so that nothing keeps it from it.
 *
 * `HOSTILE` in the environment is what it does besides its tools: `mute` never answers the handshake, `late` takes a moment for it, `dead` ends at once,
 * `stubborn` ignores the end of its input and SIGTERM, `renamed` has another description at each start, `silent` has no tools capability,
 * `slow` takes half a second to list its resources, every time, `listless` answers who asks for its tools with an error.
 */
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

type Params = {
  readonly name?: string;
  readonly arguments?: { readonly [name: string]: unknown };
  readonly _meta?: { progressToken?: number };
};

const how = process.env.HOSTILE ?? '';
const write = (text: string) => process.stdout.write(text);
const send = (message: object) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value: unknown) => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
});
/** Remembers what reached it, for tests that ask from outside. */
const note = (line: string) => process.env.HOSTILE_LOG && appendFileSync(process.env.HOSTILE_LOG, `${line}\n`);

let extra: string[] = [];
let held: number | undefined;

const tools: Record<string, (id: number, params: Params) => void> = {
  echo: (id, params) => send({ id, result: text(params.arguments ?? null) }),
  pid: (id) => send({ id, result: text(String(process.pid)) }),
  env: (id) => send({ id, result: text(process.env) }),
  die: () => process.exit(3),
  abort: () => process.kill(process.pid, 'SIGKILL'),
  hang: () => {},
  freeze: () => {
    for (;;);
  },
  big: (id, { arguments: given }) => send({ id, result: text('x'.repeat(Number(given?.bytes))) }),
  bigWithIdFirst: (id) =>
    write(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(text('x'.repeat(20_000_000)))}}\n`),
  endless: () => {
    const block = 'x'.repeat(1 << 16);
    const on = () => {
      while (write(block));
      process.stdout.once('drain', on);
    };
    on();
  },
  flood: () => {
    const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } })}\n`;
    const on = () => {
      while (write(line));
      process.stdout.once('drain', on);
    };
    on();
  },
  garbage: (id) => {
    write('not json\n\n{"jsonrpc":"1.0"}\n[]\nnull\n{"jsonrpc":"2.0","id":{},"result":{}}\n');
    send({ id, result: text('after garbage') });
  },
  malformed: (id, { arguments: given }) => send({ id, result: given?.result }),
  /** Answers itself twice, and everybody who may come, before they ask. */
  twice: (id) => {
    send({ id, result: text('first') });
    send({ id, result: text('second') });
    for (let next = id + 1; next < id + 20; next++) send({ id: next, result: text(`meant for ${id}`) });
  },
  /** Is answered together with the next call, each with the other's... if ids were what a caller sent. */
  hold: (id) => {
    held = id;
  },
  release: (id) => {
    if (held !== undefined) send({ id: held, result: text('held') });
    send({ id, result: text('released') });
  },
  error: (id) => send({ id, error: { code: -32602, message: 'not so', data: { why: 'test' } } }),
  badError: (id) => send({ id, error: 'no' }),
  progress: (id, params) => {
    const progressToken = params._meta?.progressToken;
    for (let progress = 1; progress <= 3; progress++) {
      send({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 3, message: `step ${progress}` },
      });
    }
    send({ method: 'notifications/progress', params: { progressToken: 7, progress: 99 } });
    setTimeout(() => send({ id, result: text('done') }), 50);
  },
  grow: (id) => {
    extra = ['grown'];
    send({ method: 'notifications/tools/list_changed' });
    send({ id, result: text('grown') });
  },
  stderr: (id) => {
    process.stderr.write('one line\ntwo lines\n');
    send({ id, result: text('said') });
  },
  ask: (id) => send({ id: 900 + id, method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }),
  /** Answers with this very text, behind its id or before it. */
  words: (id, { arguments: given }) =>
    write(
      given?.last
        ? `{"result":${given.text},"jsonrpc":"2.0","id":${id}}\n`
        : `{"jsonrpc": "2.0", "id": ${id}, "result": ${given?.text}}\n`,
    ),
  deep: (id) =>
    write(
      `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}}\n`,
    ),
};

const methods: Record<string, (id: number, params: Params) => void> = {
  initialize: async (id) => {
    if (how === 'mute') return;
    if (how === 'late') await new Promise((resolve) => setTimeout(resolve, 600));
    send({
      id,
      result: {
        protocolVersion: '2025-06-18',
        capabilities:
          how === 'silent' ? {} : { tools: { listChanged: true }, ...(how === 'slow' && { resources: {} }) },
        serverInfo: { name: 'hostile', version: '1' },
      },
    });
  },
  ping: (id) => send({ id, result: {} }),
  'tools/list': (id) => {
    if (how === 'listless') return send({ id, error: { code: -32603, message: 'not today' } });
    const description = how === 'renamed' ? `Started at ${process.hrtime.bigint()}` : 'A tool.';
    const names = [...Object.keys(tools), ...extra, 'odd/name', 'x'.repeat(80)];
    const listed = names.map((name) => ({ name, description, inputSchema: { type: 'object', properties: {} } }));
    const inputSchema = { type: 'object' };
    const wrong = [
      { name: 'no schema' },
      { name: 'no object', inputSchema: { type: 'string' } },
      { name: 'true', inputSchema: { type: 'object', properties: { a: true } } },
      { name: 'title', title: 1, inputSchema },
      { name: 'output', inputSchema, outputSchema: { type: 'array' } },
      { name: 'icons', inputSchema, icons: [{}] },
      { inputSchema },
      'no tool',
      null,
    ];
    send({ id, result: { tools: [...listed, ...wrong, listed[0]] } });
  },
  'resources/list': (id) => {
    note('listed');
    setTimeout(() => send({ id, result: { resources: [] } }), 500);
  },
  'resources/templates/list': (id) => send({ id, result: { resourceTemplates: [] } }),
  'tools/call': (id, params) => {
    note(`${params.name} ${JSON.stringify(params.arguments ?? null)}`);
    const tool = tools[params.name ?? ''];
    if (tool) tool(id, params);
    else send({ id, result: text(`called ${params.name}`) });
  },
};

note(`started ${process.pid}`);
if (how === 'dead') process.exit(1);
if (how === 'stubborn') {
  process.on('SIGTERM', () => {});
  setInterval(() => {}, 1_000);
}
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { id, method, params = {} } = JSON.parse(line) as { id: number; method?: string; params?: Params };
  if (method === 'notifications/cancelled') note(`cancelled ${JSON.stringify(params)}`);
  else if (method === undefined) note(`answer ${line}`);
  else methods[method]?.(id, params);
});
lines.on('close', () => how !== 'stubborn' && process.exit(0));
