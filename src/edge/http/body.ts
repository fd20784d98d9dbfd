/** The body of a request: bounded, of one type, and JSON with one meaning. */
import type { IncomingMessage } from 'node:http';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';

const MAX_BODY_BYTES = 1 << 20;

/** The client went away in the middle: there is nobody to answer. */
export class Gone extends Error {
  override readonly name = 'Gone';
}

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i;

export function refuseOtherTypes({ headers }: IncomingMessage): void {
  if (JSON_TYPE.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined) return;
  throw new Refusal('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json, in UTF-8 and without encoding.');
}

/** All bytes of the body. Throws `PAYLOAD_TOO_LARGE` as soon as they are too many; what follows is thrown away. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = Number(request.headers['content-length'] ?? 0);
    if (length > MAX_BODY_BYTES) return reject(tooLarge());
    length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) return void chunks.push(chunk);
      chunks.length = 0;
      reject(tooLarge());
    });
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.once('error', () => reject(new Gone()));
    request.once('close', () => reject(new Gone()));
  });
}

export const parseBody = (bytes: Uint8Array): Json => parseStrict(bytes, { maxBytes: MAX_BODY_BYTES, exact: true });

const tooLarge = () => new Refusal('PAYLOAD_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
