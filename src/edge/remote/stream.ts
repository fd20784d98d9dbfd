/** The answer to one MCP request over HTTP: one JSON object, or a stream of events that ends with it. */
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import { isObject, type JsonObject, RpcError } from '../mcp/rpc.ts';

const MAX_BYTES = 10 * 1024 * 1024;

/** The result. `notified` is told of what comes before it. Throws `RpcError`, or `UPSTREAM_FAILED` where none comes. */
export async function answerIn(response: Response, notified: (message: JsonObject) => void): Promise<JsonObject> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  try {
    const texts = isStream ? eventsIn(response) : [await response.text()];
    for await (const text of texts) {
      const message = read(text);
      if (message.method !== undefined) notified(message);
      else if (isObject(message.result)) return message.result;
      else throw fault(message);
    }
  } catch (error) {
    // That is what `fetch` says of a connection that broke, and a decoder of what is not text.
    throw error instanceof TypeError ? lost() : error;
  }
  throw lost();
}

/** The data of each event (WHATWG HTML, section 9.2.6, of which MCP uses `data` lines). */
export async function* eventsIn({ body }: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true }).replaceAll('\r\n', '\n');
    if (text.length > MAX_BYTES) throw lost();
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''));
      if (data.length > 0 && data.join('') !== '') yield data.join('\n');
      text = text.slice(end + 2);
    }
  }
}

function read(text: string): JsonObject {
  const message = parseStrict(text, { maxBytes: MAX_BYTES });
  if (isObject(message) && message.jsonrpc === '2.0') return message;
  throw lost();
}

function fault({ error }: JsonObject): Error {
  if (!isObject(error) || typeof error.code !== 'number' || typeof error.message !== 'string') return lost();
  return new RpcError(error.code, error.message, error.data);
}

const lost = () => new Refusal('UPSTREAM_FAILED', 'The authority did not answer as MCP asks.');
