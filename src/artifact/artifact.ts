/**
 * The artifact: one signed grant.
 *
 *   signed bytes   = RFC 8785 form of the object without `signature`, as UTF-8
 *   signature      = Ed25519 (RFC 8032) over them by `issuer`, base64url without padding
 *   artifact_hash  = lower-case hex SHA-256 of the RFC 8785 form with `signature`
 *
 * The member `type` is the domain separator: nothing else that this product signs has that value. Every member is always
 * present and unknown members are refused, so that every byte is signed and has one reading. Numbers are safe integers,
 * amounts of money decimal strings, times UTC with milliseconds and `Z`.
 *
 * Worked example: a root, signed with the key whose secret seed is the 32 bytes 01 02 … 20.
 *
 *     {
 *       "type": "aga-artifact/v1",
 *       "authority": "did:key:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
 *       "parent": null,
 *       "depth": 0,
 *       "issuer": "did:key:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
 *       "holder": null,
 *       "subject": "research-lead",
 *       "purpose": "quarterly report",
 *       "nonce": "AAECAwQFBgcICQoLDA0ODw",
 *       "issued_at": "2026-11-20T10:00:00.000Z",
 *       "expires_at": "2026-11-20T11:00:00.000Z",
 *       "scope": {
 *         "permissions": { "agent.delegate": ["*", "*@*"], "tool.call": ["filesystem/*"] },
 *         "argument_rules": [],
 *         "limits": {},
 *         "enforcement_triggers": ["ALERT_ONLY"],
 *         "measurement_types": []
 *       },
 *       "terms": { "preset": null, "min_binding": "handle", "budget_mode": null },
 *       "delegation": { "max_depth": 3, "max_children": 32 },
 *       "signature": "opjSwo4Ozwozualp1uSwFvsp8GgRe7iOuShrO6h-wQrad-1b1dS0o8Fw4T1IKiRPVPfZLTPbSHyXnZE8IMUWDw"
 *     }
 *
 * artifact_hash 409d203e75c6c7ecb9e218f93b1adb6c95d2eb333ffb78abad01969d67c49d2f
 */
import * as z from 'zod';
import { sha256Hex } from '#digest';
import { verify } from '#ed25519';
import { canonicalize, type Json } from '../base/canonical.ts';
import { fromDidKey, toDidKey } from '../base/did-key.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { sayFirst } from '../base/wording.ts';
import { intern, parseScope, type Scope } from '../scope/scope.ts';
import { label } from './label.ts';

/** How strongly a caller is known, weakest first (docs/hosts.md). */
export const BINDINGS = ['handle', 'bearer', 'hook', 'process', 'proof'] as const;
export type Binding = (typeof BINDINGS)[number];

export const MAX_DEPTH = 32;
export const MAX_CHILDREN = 100_000;

/** Written out instead of inferred, so that importers need no schema library for the type. */
export type Artifact = {
  readonly type: 'aga-artifact/v1';
  readonly authority: string;
  readonly parent: string | null;
  readonly depth: number;
  readonly issuer: string;
  readonly holder: string | null;
  readonly subject: string;
  readonly purpose: string;
  readonly nonce: string;
  readonly issued_at: string;
  readonly expires_at: string;
  readonly scope: Scope;
  readonly terms: {
    readonly preset: string | null;
    readonly min_binding: Binding;
    readonly budget_mode: 'slice' | 'pool' | null;
  };
  readonly delegation: { readonly max_depth: number; readonly max_children: number };
  readonly signature: string;
};

const instant = z.string().refine((text) => parseInstant(text) !== undefined, 'not a UTC time with milliseconds');
const key = z.string().refine((text) => fromDidKey(text) !== undefined, 'not an Ed25519 did:key');
const bytes = (length: number) =>
  z.string().refine((text) => fromBase64url(text)?.length === length, `not ${length} bytes of base64url`);

const schema: z.ZodType<Artifact> = z.strictObject({
  type: z.literal('aga-artifact/v1'),
  authority: key,
  parent: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex')
    .nullable(),
  depth: z.int().min(0).max(MAX_DEPTH),
  issuer: key,
  holder: key.nullable(),
  subject: label(128),
  purpose: label(1024),
  nonce: bytes(16),
  issued_at: instant,
  expires_at: instant,
  scope: z.unknown().transform((value): Scope => intern(parseScope(value))),
  terms: z.strictObject({
    preset: label(64).nullable(),
    min_binding: z.enum(BINDINGS),
    budget_mode: z.enum(['slice', 'pool']).nullable(),
  }),
  delegation: z.strictObject({
    max_depth: z.int().min(0).max(MAX_DEPTH),
    max_children: z.int().min(0).max(MAX_CHILDREN),
  }),
  signature: bytes(64),
});

export type Draft = Omit<Artifact, 'signature' | 'type' | 'authority' | 'issuer'> & { readonly authority: string };

/** An artifact together with its hash: what `seal` and `open` return. */
export interface Sealed {
  readonly artifact: Artifact;
  readonly hash: string;
}

/** Artifacts sealed here, or found authentic before: their signatures need not be checked again. */
const authentic = new WeakSet<Sealed>();
const utf8 = new TextEncoder();

export interface ArtifactSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** The artifact as JSON. It is plain data, though the type of a scope does not say so. */
export const toJson = ({ artifact }: Sealed): Json => artifact as unknown as Json;

/** Signs a draft as `signer`. The draft's scope must be in normal form. */
export function seal(draft: Draft, signer: ArtifactSigner): Sealed {
  const unsigned = { ...draft, type: 'aga-artifact/v1' as const, issuer: toDidKey(signer.publicKey) };
  const text = canonicalize(unsigned);
  const signature = toBase64url(signer.sign(utf8.encode(text)));
  const sealed = { artifact: { ...unsigned, signature }, hash: sha256Hex(withSignature(text, signature)) };
  authentic.add(sealed);
  return sealed;
}

/** Decodes an artifact strictly. The signature is not judged: see `isAuthentic`. Throws `INVALID_REQUEST`. */
export function open(value: Json): Sealed {
  const decoded = schema.safeParse(value);
  if (!decoded.success) throw new Refusal('INVALID_REQUEST', `Not an artifact: ${sayFirst(decoded.error.issues)}.`);
  const text = canonicalize(value);
  const sealed = { artifact: decoded.data, hash: sha256Hex(text) };
  texts.set(sealed, text);
  return sealed;
}

/** RFC 8785 forms of opened artifacts; without the signature they are the signed bytes. */
const texts = new WeakMap<Sealed, string>();

/** RFC 8785 sorts members, so `signature` comes just before `subject`; quotation marks inside values are escaped. */
function withSignature(text: string, signature: string): string {
  const at = text.lastIndexOf(',"subject":"');
  return `${text.slice(0, at)},"signature":"${signature}"${text.slice(at)}`;
}

function withoutSignature(text: string, signature: string): string {
  const member = `,"signature":"${signature}"`;
  const at = text.lastIndexOf(member);
  return text.slice(0, at) + text.slice(at + member.length);
}

/** What a signature check of this artifact needs. */
export function signatureOf(sealed: Sealed): {
  signature: Uint8Array;
  message: Uint8Array;
  publicKey: Uint8Array;
} {
  const { signature, ...unsigned } = sealed.artifact;
  const text = texts.get(sealed);
  const message = utf8.encode(text === undefined ? canonicalize(unsigned) : withoutSignature(text, signature));
  // Both decode: `open` and `seal` let nothing else through.
  const decoded = { signature: fromBase64url(signature)!, publicKey: fromDidKey(unsigned.issuer)! };
  return { ...decoded, message };
}

/** Whether `issuer` signed the artifact. */
export function isAuthentic(sealed: Sealed): boolean {
  if (authentic.has(sealed)) return true;
  const { signature, message, publicKey } = signatureOf(sealed);
  if (!verify(signature, message, publicKey)) return false;
  authentic.add(sealed);
  return true;
}

/** Records that the signature was found good elsewhere, for example in a batch. */
export function markAuthentic(sealed: Sealed): void {
  authentic.add(sealed);
}
