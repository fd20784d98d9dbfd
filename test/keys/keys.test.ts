import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toDidKey } from '../../src/base/did-key.ts';
import { CannotStart } from '../../src/cannot-start.ts';
import { fileKeys, keyFile, readKey } from '../../src/keys/file.ts';
import { keyIn, pemOf } from '../../src/keys/pkcs8.ts';
import { readerOf, withReplicaKey } from '../../src/keys/replica-key.ts';
import { sharedKeys } from '../../src/keys/shared.ts';
import { tokensOf } from '../../src/keys/tokens.ts';
import { KEYS, seed } from '../kernel.ts';
import { directory } from '../scratch.ts';

const random = (length: number): Uint8Array => seed('key').subarray(0, length);

describe('a key as text', () => {
  const pem = String(pemOf(seed('authority')));

  it('is read as PEM, as PEM in one line, and as base64 of its DER', () => {
    const der = pem.replaceAll(/-----.*-----|\s/g, '');
    for (const text of [pem, pem.replaceAll('\n', '\\n'), pem.replaceAll('\n', '\r\n'), der, `${der}\n`])
      expect(keyIn(text)?.publicKey).toEqual(KEYS.authority.publicKey);
  });

  it('is none when it is of another kind, cut, or no key at all', () => {
    const encoding = { type: 'pkcs8', format: 'pem' } as const;
    const others = [
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(encoding),
      generateKeyPairSync('x25519').privateKey.export(encoding),
      generateKeyPairSync('ed448').privateKey.export(encoding),
      generateKeyPairSync('ed25519').privateKey.export({ ...encoding, cipher: 'aes-256-cbc', passphrase: 'secret' }),
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
    ].map(String);
    for (const text of [...others, pem.slice(0, 80), '', 'secret', 'c2VjcmV0']) expect(keyIn(text)).toBeUndefined();
  });
});

describe('the keys of a chain that is still to begin', () => {
  it('are completed where another process of the same folder is just making them', () => {
    const folder = directory();
    const sources = { authority: null, log: null, nextLog: null, replica: null, command: null };
    const { publicKey } = keyFile(join(folder, 'authority.key'), () => seed('the other process'));
    const keys = sharedKeys({ directory: folder, sources, began: null, random });
    expect(keys.authority.publicKey).toEqual(publicKey);
    expect(keys.log.publicKey).toEqual(readKey(join(folder, 'log.key'))?.publicKey);
  });

  it('are not made by a replica that never had the authority’s, whatever empty database it is led to', () => {
    const folder = directory();
    const sources = { authority: null, log: null, nextLog: null, replica: null, command: null };
    keyFile(join(folder, 'log.key'), random);
    const start = () => sharedKeys({ directory: folder, sources, began: null, random });
    expect(start).toThrow(/authority key is missing/);
    expect(readdirSync(folder)).toEqual(['log.key']);
  });
});

describe('a key in a file', () => {
  it('is made once, whole, for its owner alone, and found again', () => {
    const folder = directory();
    const path = join(folder, 'a.key');
    const made = keyFile(path, random);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(keyFile(path, () => seed('another')).publicKey).toEqual(made.publicKey);
    expect(readKey(path)?.publicKey).toEqual(made.publicKey);
    expect(readdirSync(folder)).toEqual(['a.key']);
  });

  it('leaves nothing behind where there is no room for it', ({ skip }) => {
    if (process.platform === 'win32') skip('no limits of a shell there');
    const folder = directory();
    const script = `const { keyFile } = await import(process.argv[1]);
      keyFile(process.argv[2], (length) => new Uint8Array(length));`;
    const file = import.meta.resolve('../../src/keys/file.ts');
    const args = ['--input-type=module', '-e', script, file, join(folder, 'a.key')];
    const { stderr } = spawnSync('sh', ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, ...args], {
      encoding: 'utf8',
    });
    expect(stderr).toContain(`Cannot create the key file ${join(folder, 'a.key')}: EFBIG.`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is never made anew beside a chain, and never where there is something else', () => {
    const folder = directory();
    expect(() => fileKeys({ directory: folder, chainExists: true, random })).toThrow(/authority\.key is missing/);
    expect(readdirSync(folder)).toEqual([]);
    for (const [text, why] of [
      ['', /not an Ed25519 key/],
      ['very-secret', /not an Ed25519 key/],
    ] as const) {
      writeFileSync(join(folder, 'authority.key'), text);
      const start = () => fileKeys({ directory: folder, chainExists: false, random });
      expect(start).toThrow(CannotStart);
      expect(start).toThrow(why);
      expect(start).not.toThrow(/very-secret/);
      expect(readFileSync(join(folder, 'authority.key'), 'utf8')).toBe(text);
    }
  });
});

describe('a replica without the authority’s key', () => {
  it('knows the bearers as the authority does, and signs nothing', () => {
    const folder = directory();
    const { authority } = withReplicaKey(fileKeys({ directory: folder, chainExists: false, random }), folder);
    expect(statSync(join(folder, 'replica.key')).mode & 0o777).toBe(0o600);
    const text = readFileSync(join(folder, 'replica.key'), 'utf8').trim();
    const replica = readerOf(text, toDidKey(authority.publicKey));
    const artifact = 'a'.repeat(64);
    expect(tokensOf(replica).enrolment(artifact)).toBe(tokensOf(authority).enrolment(artifact));
    expect(() => replica.sign(new TextEncoder().encode('another message'))).toThrow(/cannot issue artifacts/);
    for (const [given, of] of [
      [text, KEYS.authority],
      [`${text.slice(0, -2)}AA`, authority],
      ['', authority],
    ] as const)
      expect(() => readerOf(given, toDidKey(of.publicKey))).toThrow(/not one of the authority/);
  });
});
