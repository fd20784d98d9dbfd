/** The operator's token: shown once, kept as a hash. */
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '#digest';
import { toBase64url } from '../base/encoding.ts';
import { CannotStart } from '../cannot-start.ts';

export interface OperatorToken {
  /** Hex SHA-256 of the token. */
  readonly digest: string;
  /** The token itself, where it was made just now: to be shown once. */
  readonly fresh: string | null;
}

export interface OperatorTokenOptions {
  readonly directory: string;
  /** AGA_OPERATOR_TOKEN */
  readonly given: string | undefined;
  readonly random: (length: number) => Uint8Array;
}

/** 128 bits in base64url. */
const LEAST_CHARACTERS = 22;

/** The given one, else the one of this data directory, which is made at the first start. Throws `CannotStart`. */
export function operatorToken({ directory, given, random }: OperatorTokenOptions): OperatorToken {
  if (given !== undefined) {
    if (/^[\x21-\x7e]+$/.test(given) && given.length >= LEAST_CHARACTERS)
      return { digest: sha256Hex(given), fresh: null };
    throw new CannotStart(`AGA_OPERATOR_TOKEN must have at least ${LEAST_CHARACTERS} characters, and no spaces.`);
  }
  const path = join(directory, 'operator.sha256');
  const fresh = existsSync(path) ? null : create(path, `aga-operator-${toBase64url(random(32))}`);
  const digest = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new CannotStart(`${path} is damaged; remove it to get a new operator token.`);
  return { digest, fresh };
}

/** Of several processes that start at once only one makes the token; null for the others. */
function create(path: string, token: string): string | null {
  const draft = `${path}.${process.pid}.${Date.now()}`;
  try {
    writeFileSync(draft, `${sha256Hex(token)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, path);
    return token;
  } catch (error) {
    if (existsSync(path)) return null;
    throw new CannotStart(`Cannot create ${path}: ${(error as NodeJS.ErrnoException).code}.`);
  } finally {
    if (existsSync(draft)) unlinkSync(draft);
  }
}
