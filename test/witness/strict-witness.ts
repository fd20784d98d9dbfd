/**
 * A witness as strict as C2SP tlog-witness asks, written from its text alone: nothing of ours judges here but Node's
 * hashes and signatures. `answer` lets a test put any other behaviour in its place.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

export interface Asked {
  readonly old: number;
  readonly proof: readonly string[];
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** The signed text. */
  readonly text: string;
  readonly body: string;
}

type Behaviour = (asked: Asked, honest: () => Reply, response: ServerResponse) => Reply | Promise<Reply> | undefined;

export interface StrictWitness {
  readonly url: string;
  readonly name: string;
  /** Its C2SP verifier key. */
  readonly key: string;
  /** Every request, in order. */
  readonly asked: Asked[];
  /** What it has cosigned last, by origin. */
  readonly latest: Map<string, { size: number; root: string }>;
  /** Seconds added to its clock. */
  ahead: number;
  /** Undefined: it does as the specification says. Answering `undefined` leaves the response to the behaviour. */
  answer: Behaviour | undefined;
  /** Cosigns for this log from now on. */
  trust(logKey: string): void;
  /** The line of this witness over any text, at any time. */
  line(text: string, seconds: number): string;
  close(): Promise<void>;
}

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const hash = (...parts: readonly (Buffer | string)[]): Buffer =>
  parts.reduce((state, part) => state.update(part), createHash('sha256')).digest();

export async function strictWitness(name: string, port = 0): Promise<StrictWitness> {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, hash(name)]), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
  const typed = Buffer.concat([Buffer.of(4), raw]);
  const id = hash(`${name}\n`, typed).subarray(0, 4);
  const logs = new Map<string, { id: string; key: KeyObject }[]>();
  const sockets = new Set<ServerResponse>();

  const witness: Omit<StrictWitness, 'url'> & { url: string } = {
    url: '',
    name,
    key: `${name}+${id.toString('hex')}+${typed.toString('base64')}`,
    asked: [],
    latest: new Map(),
    ahead: 0,
    answer: undefined,
    trust(logKey) {
      const [origin = '', keyId = '', encoded = ''] = logKey.split('+').length > 3 ? cut(logKey) : logKey.split('+');
      const key = createPublicKey({
        key: Buffer.concat([SPKI, Buffer.from(encoded, 'base64').subarray(1)]),
        format: 'der',
        type: 'spki',
      });
      logs.set(origin, [...(logs.get(origin) ?? []), { id: keyId, key }]);
    },
    line(text, seconds) {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(seconds));
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), secret);
      return `\u2014 ${name} ${Buffer.concat([id, time, signature]).toString('base64')}\n`;
    },
    async close() {
      for (const response of sockets) response.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };

  function judge(asked: Asked, signatures: readonly string[]): Reply {
    const keys = logs.get(asked.origin);
    if (!keys) return { status: 404, body: 'unknown log\n' };
    const own = signatures.flatMap((line) => {
      const [, signer, encoded = ''] = line.split(' ');
      const bytes = Buffer.from(encoded, 'base64');
      const known = keys.find((each) => each.id === bytes.subarray(0, 4).toString('hex') && signer === asked.origin);
      return known ? [verify(null, Buffer.from(asked.text), known.key, bytes.subarray(4))] : [];
    });
    if (own.length === 0 || own.includes(false)) return { status: 403, body: 'no trusted signature\n' };
    if (asked.old > asked.size) return { status: 400, body: 'old is above size\n' };
    const known = witness.latest.get(asked.origin) ?? { size: 0, root: '' };
    if (asked.old !== known.size) return { status: 409, type: 'text/x.tlog.size', body: `${known.size}\n` };
    if (asked.old === asked.size && asked.size > 0 && asked.root !== known.root)
      return { status: 422, body: 'other root\n' };
    const proof = asked.proof.map((line) => Buffer.from(line, 'base64'));
    const root = Buffer.from(asked.root, 'base64');
    if (asked.old === 0 || asked.old === asked.size) {
      if (proof.length > 0) return { status: 422, body: 'a proof of nothing\n' };
    } else if (!isConsistent(asked.old, asked.size, Buffer.from(known.root, 'base64'), root, proof))
      return { status: 422, body: 'inconsistent\n' };
    witness.latest.set(asked.origin, { size: asked.size, root: asked.root });
    return { status: 200, body: witness.line(asked.text, Math.floor(Date.now() / 1000) + witness.ahead) };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url !== '/prefix/add-checkpoint') {
      response.writeHead(request.method === 'POST' ? 404 : 405).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const parsed = parse(Buffer.concat(chunks).toString('utf8'));
    if (!parsed) {
      response.writeHead(400).end('malformed\n');
      return;
    }
    const { signatures, ...asked } = parsed;
    witness.asked.push(asked);
    const reply = await (witness.answer ?? ((_, honest) => honest()))(asked, () => judge(asked, signatures), response);
    if (!reply) return;
    response.writeHead(reply.status, reply.type === undefined ? {} : { 'content-type': reply.type }).end(reply.body);
  }

  const server = createServer((request, response) => {
    sockets.add(response);
    response.once('close', () => sockets.delete(response));
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  witness.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`;
  return witness;
}

/** base64 may hold a plus sign. */
function cut(logKey: string): string[] {
  const [origin = '', id = ''] = logKey.split('+');
  return [origin, id, logKey.slice(origin.length + id.length + 2)];
}

/** Strict: what the specification does not allow is malformed. */
function parse(body: string): (Asked & { signatures: string[] }) | undefined {
  const [, old = '', proof = '', note = ''] =
    /^old (0|[1-9]\d*)\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n([\s\S]+)$/.exec(body) ?? [];
  const [, text = '', origin = '', size = '', root = '', signatures = ''] =
    /^((.+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{43}=)\n(?:.+\n)*)\n((?:\u2014 \S+ [A-Za-z0-9+/]+=*\n)+)$/.exec(note) ?? [];
  if (text === '') return undefined;
  return {
    old: Number(old),
    proof: proof.split('\n').slice(0, -1),
    origin,
    size: Number(size),
    root,
    text,
    body,
    signatures: signatures.split('\n').slice(0, -1),
  };
}

/** RFC 6962 section 2.1.2 by its definition: SUBPROOF is walked from the end of the list, and both roots come out of it. */
function isConsistent(m: number, n: number, old: Buffer, root: Buffer, proof: readonly Buffer[]): boolean {
  const rest = [...proof];
  const node = (left: Buffer, right: Buffer): Buffer => hash(Buffer.of(1), left, right);
  const walk = (size: number, of: number, whole: boolean): [Buffer, Buffer] => {
    if (size === of) {
      const here = whole ? old : rest.shift();
      if (!here) throw new Error('too short');
      return [here, here];
    }
    let k = 1;
    while (k * 2 < of) k *= 2;
    if (size <= k) {
      const [a, b] = walk(size, k, whole);
      const right = rest.shift();
      if (!right) throw new Error('too short');
      return [a, node(b, right)];
    }
    const [a, b] = walk(size - k, of - k, false);
    const left = rest.shift();
    if (!left) throw new Error('too short');
    return [node(left, a), node(left, b)];
  };
  try {
    const [a, b] = walk(m, n, true);
    return rest.length === 0 && a.equals(old) && b.equals(root);
  } catch {
    return false;
  }
}
