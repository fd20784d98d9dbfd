/** The one command that cannot be undone asks, and without an answer changes nothing. */
import { spawnSync } from 'node:child_process';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { type Installation, installation, onTerminal } from './cli.ts';

let home: Installation;
let root: string;

beforeAll(() => {
  home = installation();
});
beforeEach(async () => {
  root = (await home.ask('create', '--subject', 'lead')).artifact_hash;
  await home.run('delegate', '--parent-artifact-hash', root, '--sub-agent-id', 'worker');
});

const status = async (): Promise<string> => (await home.ask('inspect', root)).status;

it('changes nothing without a terminal and without --yes, and exits 1', async () => {
  const { code, out, err } = await home.run('revoke', root, '--reason', 'done');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('2 artifacts');
  expect(err).toContain('--yes');
  expect(JSON.parse((await home.run('revoke', root, '--json')).out).error.code).toBe('INVALID_REQUEST');
  expect(await status()).toBe('active');
});

it('shows with --dry-run what would end', async () => {
  const answer = await home.ask('revoke', root, '--dry-run');
  expect(answer).toMatchObject({ revoked_count: 2, chain: null });
  expect((await home.run('revoke', root, '--dry-run')).out).toContain('would end 2 artifacts');
  expect(await status()).toBe('active');
});

it('revokes with --yes, with or without a reason, once', async () => {
  const answer = await home.ask('revoke', '--artifact-hash', root, '--yes');
  expect(answer).toMatchObject({ success: true, revoked_count: 2, already_revoked: false });
  expect(answer.revoked[0]).toBe(root);
  const again = await home.run('revoke', root, '--reason', 'again');
  expect(again.code).toBe(0);
  expect(again.out).toContain('already revoked');
  expect(await status()).toBe('revoked');
});

const hasScript = spawnSync('script', ['--version']).status === 0;

it.skipIf(!hasScript)('asks on a terminal, and takes no for an answer', async () => {
  const args = ['--data-dir', home.path, 'revoke', root];
  const no = await onTerminal(args, [[/for ever/, 'n']]);
  expect(no.code).toBe(1);
  expect(no.out).toContain('worker');
  expect(no.out).toContain('\u001b[31mCANCELLED');
  expect(await status()).toBe('active');
  expect((await onTerminal(args, [[/for ever/, '\u0003']])).code).toBe(1);
  expect(await status()).toBe('active');
  const yes = await onTerminal(args, [[/for ever/, 'y']]);
  expect(yes.code).toBe(0);
  expect(await status()).toBe('revoked');
});

it.skipIf(!hasScript)('draws in colours on a terminal, unless NO_COLOR asks otherwise', async () => {
  const args = ['--data-dir', home.path, 'tree', root];
  expect((await onTerminal(args, [])).out).toContain('\u001b[32m●');
  expect((await onTerminal(args, [], { env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
});
