/** Opening a connection to an upstream, in the protocol era that it speaks. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  Client,
  PROTOCOL_VERSION_META_KEY,
  ProtocolError,
  SdkHttpError,
} from '@modelcontextprotocol/client';
import type { Json } from '../../base/canonical.ts';
import { childTransport } from './child.ts';
import { isStdio, type UpstreamConfig } from './config.ts';
import { httpTransport } from './http.ts';
import type { JsonObject } from './pointer.ts';
import { type Wire, wireOver } from './wire.ts';

export interface Connection {
  readonly wire: Wire;
  /** What the upstream offers: `tools`, `prompts`, `resources`. */
  readonly offers: JsonObject;
}

export interface ConnectionOptions {
  readonly name: string;
  readonly config: UpstreamConfig;
  /** How we introduce ourselves. */
  readonly client: { readonly name: string; readonly version: string };
  readonly log: (text: string) => void;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  readonly onClosed: () => void;
  readonly onChanged: (method: string) => void;
}

const MODERN = '2026-07-28';

/**
 * Earlier eras first: nearly all servers speak them, and asking a stdio server for both would start it twice. One that
 * answers "no" to their handshake is asked again in the way of 2026-07-28.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  try {
    return await open(options, 'legacy');
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof SdkHttpError)) throw error;
    return await open(options, { pin: MODERN });
  }
}

async function open(options: ConnectionOptions, mode: 'legacy' | { pin: string }): Promise<Connection> {
  const { name, config, client: info, log, signal, onChanged } = options;
  const wire = wireOver(isStdio(config) ? childTransport(config, name, log) : httpTransport(config), name);
  const client = new Client(info, {
    versionNegotiation: { mode },
    // Told by the wire; named here, because 2026-07-28 tells only those that subscribe.
    ...(mode !== 'legacy' && { listChanged: { tools: UNHEARD, prompts: UNHEARD, resources: UNHEARD } }),
    // Would judge structured results, which we pass on; building the default one takes milliseconds.
    jsonSchemaValidator: {
      getValidator: () => () => ({ valid: true, data: undefined as never, errorMessage: undefined }),
    },
  });
  let isOpen = false;
  let reason = '';
  client.onerror = (error) => {
    reason = error.message;
    if (isOpen) log(`[${name}] ${error.message.slice(0, 500)}\n`);
  };
  wire.onchanged = onChanged;
  const late = setTimeout(() => {
    reason = `it has not answered for ${config.timeout} ms`;
    void wire.close();
  }, config.timeout);
  const stop = () => void wire.close();
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    await client.connect(wire, { timeout: config.timeout });
  } catch (error) {
    await wire.close();
    // What ended it says more than that it ended.
    if (reason !== '' && !(error instanceof ProtocolError || error instanceof SdkHttpError))
      throw new Error(reason, { cause: error });
    throw error;
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', stop);
  }
  isOpen = true;
  if (mode !== 'legacy') wire.envelope = envelope(info, client.getNegotiatedProtocolVersion() ?? MODERN);
  client.onclose = options.onClosed;
  // A cast: capabilities are JSON that the SDK has typed.
  return { wire, offers: (client.getServerCapabilities() ?? {}) as { readonly [offer: string]: Json } };
}

const UNHEARD = { autoRefresh: false, onChanged: () => {} };

const envelope = ({ name, version }: { name: string; version: string }, revision: string): JsonObject => ({
  [PROTOCOL_VERSION_META_KEY]: revision,
  [CLIENT_INFO_META_KEY]: { name, version },
  [CLIENT_CAPABILITIES_META_KEY]: {},
});
