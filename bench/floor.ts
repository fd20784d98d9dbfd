/** What the machine itself takes, and the one thing of ours that is held against nothing else: a lineage. */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { signer } from '#ed25519';
import { isAuthentic, open, type Sealed, seal, signatureOf, toJson } from '../src/artifact/artifact.ts';
import { breaches, type Held, rootBreaches } from '../src/artifact/lineage.ts';
import { canonicalize } from '../src/base/canonical.ts';
import { toDidKey } from '../src/base/did-key.ts';
import { formatInstant, parseInstant } from '../src/base/instant.ts';
import { parseStrict } from '../src/base/strict-json.ts';

/** Milliseconds of each of `count` appends of a kilobyte and a half, about what one entry takes, made durable. */
export function syncTimes(directory: string, count: number): number[] {
  const path = join(directory, 'floor');
  const file = openSync(path, 'w');
  const bytes = Buffer.alloc(1500, 'x');
  const samples = timed(count, () => {
    writeSync(file, bytes);
    fdatasyncSync(file);
  });
  closeSync(file);
  unlinkSync(path);
  return samples;
}

const SECRET = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), randomBytes(32)]),
  format: 'der',
  type: 'pkcs8',
});
const PUBLIC = createPublicKey(SECRET);
const MESSAGE = randomBytes(1024);
const SIGNATURE = sign(null, MESSAGE, SECRET);

export const signTimes = (count: number): number[] => timed(count, () => sign(null, MESSAGE, SECRET));
export const verifyTimes = (count: number): number[] => timed(count, () => verify(null, MESSAGE, PUBLIC, SIGNATURE));

const AUTHORITY = signer(randomBytes(32));
const AUTHORITY_KEY = toDidKey(AUTHORITY.publicKey);
const AUTHORITY_OBJECT = createPublicKey({
  key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), AUTHORITY.publicKey]),
  format: 'der',
  type: 'spki',
});
let lineages = 0;

/** Root, child and grandchild as text, with scopes that nobody has seen before. */
function lineageText(): string[] {
  lineages += 1;
  const texts: string[] = [];
  let parent: Sealed | undefined;
  for (let depth = 0; depth < 3; depth++) {
    const tools = [`files-${lineages}/**`, `mail/read-${lineages}`, 'search/*'].slice(depth);
    const sealed = seal(
      {
        authority: AUTHORITY_KEY,
        parent: parent?.hash ?? null,
        depth,
        holder: null,
        subject: `agent-${depth}`,
        purpose: 'Sub-agent delegation',
        nonce: randomBytes(16).toString('base64url'),
        issued_at: formatInstant(1_795_000_000_000),
        expires_at: formatInstant(1_795_003_600_000),
        // Not shared: whoever opens it has never seen such a scope.
        scope: {
          permissions: { 'agent.delegate': ['*', '*@*'], 'tool.call': tools },
          argument_rules: [],
          limits: {},
          enforcement_triggers: ['ALERT_ONLY'],
          measurement_types: [],
        },
        terms: { preset: null, min_binding: 'handle', budget_mode: null },
        delegation: { max_depth: 3 - depth, max_children: 32 },
      },
      AUTHORITY,
    );
    texts.push(canonicalize(toJson(sealed)));
    parent = sealed;
  }
  return texts;
}

/**
 * Milliseconds of each of `count` lineages of three artifacts, from text to verdict, each seen for the first time; and of
 * nothing but their three signatures, taken in turns, so that both find the machine in the same state.
 */
export function lineageTimes(count: number): { readonly whole: number[]; readonly raw: number[] } {
  const whole: number[] = [];
  const raw: number[] = [];
  for (let i = 0; i < count; i++) {
    const texts = lineageText();
    const jobs = texts.map((text) => signatureOf(open(parseStrict(text))));
    // A twin of the lineage, so that nothing of it is known yet.
    const fresh = lineageText();
    raw.push(
      ...timed(1, () => jobs.every(({ signature, message }) => verify(null, message, AUTHORITY_OBJECT, signature))),
    );
    whole.push(...timed(1, () => verifyLineage(fresh)));
  }
  return { whole, raw };
}

function verifyLineage(texts: readonly string[]): void {
  let parent: Held | null = null;
  for (const text of texts) {
    const sealed = open(parseStrict(text));
    const found = parent ? breaches(sealed, parent, AUTHORITY_KEY) : rootBreaches(sealed, AUTHORITY_KEY);
    if (found.length > 0 || !isAuthentic(sealed)) throw new Error(`an honest lineage is refused: ${found[0]?.message}`);
    const { artifact, hash } = sealed;
    parent = {
      hash,
      parent,
      depth: artifact.depth,
      expires: parseInstant(artifact.expires_at) ?? 0,
      maxDepth: artifact.delegation.max_depth,
      minBinding: artifact.terms.min_binding,
      scope: artifact.scope,
      holder: null,
    };
  }
}

function timed(count: number, run: () => unknown): number[] {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    run();
    samples.push(performance.now() - started);
  }
  return samples;
}
