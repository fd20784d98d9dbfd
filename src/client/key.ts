/** The agent's own key, and what it signs: an enrolment once, and each request. */
import { sha256 } from '#digest';
import { signer } from '#ed25519';
import type { ArtifactSigner } from '../artifact/artifact.ts';
import { proveHolder } from '../artifact/enrolment.ts';
import { toDidKey } from '../base/did-key.ts';
import { toBase64url } from '../base/encoding.ts';

export interface AgentKey {
  /** did:key */
  readonly id: string;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Where a key outlives the process, so that the token can be redeemed again: by the token's public id. */
export interface KeyStore {
  load(tokenId: string): Promise<Uint8Array | undefined>;
  /** Resolves when the seed is safe: the token is redeemed after that, never before. */
  save(tokenId: string, seed: Uint8Array): Promise<void>;
}

/** 32 bytes that only this agent has. */
export const freshSeed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));

export const agentKey = (seed: Uint8Array): AgentKey => agentKeyOf(signer(seed));

/** From a key pair whose secret half stays where it is. */
export const agentKeyOf = (pair: ArtifactSigner): AgentKey => ({
  id: toDidKey(pair.publicKey),
  publicKey: pair.publicKey,
  sign: (message) => pair.sign(message),
});

export const enrolmentProof = (tokenId: string, key: AgentKey): string => proveHolder(tokenId, key);

export interface SignedRequest {
  readonly method: string;
  /** Without query. */
  readonly url: string;
  readonly body: string;
  /** Absent where the key alone is shown. */
  readonly token?: string | undefined;
}

const utf8 = new TextEncoder();
const encode = (value: object): string => toBase64url(utf8.encode(JSON.stringify(value)));
const digest = (text: string): string => toBase64url(sha256(text));

/** A DPoP proof (RFC 9449) that also covers the body, for this one request. */
export function requestProof(key: AgentKey, { method, url, body, token }: SignedRequest, now = Date.now()): string {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64url(key.publicKey) };
  const head = encode({ typ: 'dpop+jwt', alg: 'EdDSA', jwk });
  const claims = encode({
    htm: method,
    htu: url,
    iat: Math.floor(now / 1000),
    jti: toBase64url(crypto.getRandomValues(new Uint8Array(16))),
    ...(token !== undefined && { ath: digest(token) }),
    aga_body: digest(body),
  });
  return `${head}.${claims}.${toBase64url(key.sign(utf8.encode(`${head}.${claims}`)))}`;
}
