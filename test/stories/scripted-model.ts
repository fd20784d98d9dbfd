/**
 * The model of a real host, played: an endpoint like that of the Messages API, which says what a script says.
 *
 * A conversation belongs to the script that its first text names, `SCRIPT:name`, and is at the step that it has had as
 * many answers. So the agents of one host are told apart, and nothing is remembered but what the tools have answered.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A tool and its input; a text ends the conversation. */
export type Step = readonly [tool: string, input: object] | string;
export type Scripts = { readonly [name: string]: readonly Step[] };

export interface ScriptedModel {
  readonly url: string;
  /** What the tools have answered to a script, in its order. */
  answers(script: string): readonly string[];
  close(): void;
}

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly content?: string | readonly Block[];
}
interface Conversation {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Block[] }[];
}

const textOf = (content: string | readonly Block[] = ''): string =>
  typeof content === 'string' ? content : content.map((block) => block.text ?? textOf(block.content)).join('\n');

export async function scriptedModel(scripts: Scripts): Promise<ScriptedModel> {
  const heard = new Map<string, string[]>();
  let uses = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (!request.url?.startsWith('/v1/messages?') && request.url !== '/v1/messages') {
      response.writeHead(404).end();
      return;
    }
    const conversation = JSON.parse(Buffer.concat(chunks).toString()) as Conversation; // a host's, in a test
    const { messages } = conversation;
    const asked = messages.filter(({ role }) => role === 'user').map(({ content }) => textOf(content));
    const name = /SCRIPT:(\w+)/.exec(asked.join('\n'))?.[1] ?? '';
    const turn = messages.filter(({ role }) => role === 'assistant').length;
    if (turn > 0) {
      const last = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
      const blocks = last.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
      const results = blocks.filter(({ type }) => type === 'tool_result');
      heard.set(name, [
        ...(heard.get(name) ?? []).slice(0, turn - 1),
        results.map((each) => textOf(each.content)).join(),
      ]);
    }
    const step = scripts[name]?.[turn] ?? 'done';
    uses += 1;
    const block =
      typeof step === 'string'
        ? { type: 'text', text: step }
        : { type: 'tool_use', id: `toolu_${uses}`, name: step[0], input: step[1] };
    // A host takes two answers of one name for one.
    answer(response, conversation, block, `msg_${uses}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    answers: (script) => heard.get(script) ?? [],
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Said = { readonly type: string; readonly text?: string; readonly input?: object };

function answer(response: ServerResponse, { model, stream }: Conversation, block: Said, id: string): void {
  const stop_reason = block.type === 'text' ? 'end_turn' : 'tool_use';
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id, type: 'message', role: 'assistant', model, content: [], stop_sequence: null, usage };
  if (!stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...message, content: [block], stop_reason }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const tell = (type: string, more: object = {}) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`);
  const { text, input } = block;
  tell('message_start', { message: { ...message, stop_reason: null } });
  tell('content_block_start', { index: 0, content_block: input ? { ...block, input: {} } : { ...block, text: '' } });
  const delta = input
    ? { type: 'input_json_delta', partial_json: JSON.stringify(input) }
    : { type: 'text_delta', text };
  tell('content_block_delta', { index: 0, delta });
  tell('content_block_stop', { index: 0 });
  tell('message_delta', { delta: { stop_reason, stop_sequence: null }, usage });
  tell('message_stop');
  response.end();
}
