import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readme, renewed } from '../scripts/docs.ts';
import { configSchema } from '../src/config/file.ts';
import { kernel } from './kernel.ts';

type Block = { readonly [member: string]: any }; // whatever stands there
const blocks = (): Block[] => [...readme().matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text!));
const file = (name: string): string => readFileSync(join(import.meta.dirname, '..', name), 'utf8');

describe('the README', () => {
  it('says what the code says; `npm run docs` brings it up to date', () => {
    expect(readme()).toBe(renewed(readme()));
  });

  it('shows requests that work as they stand', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', {});
    const requests = blocks().filter((block) => !('error' in block) && !('upstreams' in block));
    expect(requests).toHaveLength(2);
    for (const request of requests) expect((await call('aga_delegate_to_subagent', request)).success).toBe(true);
    const child = await call('aga_delegate_to_subagent', requests[0]);
    const may = async (capability: string, resource: string) =>
      (await call('aga_check_permission', { artifact_hash: child.child_artifact_hash, capability, resource })).allowed;
    expect(await may('fs.write', '/ws/notes/deep/a.md')).toBe(true);
    expect(await may('fs.write', '/ws/notes/a.txt')).toBe(false);
    expect(await may('fs.write', '/ws/a.md')).toBe(false);
    expect(await may('net.fetch', 'https://api.example.com/v1?q=1')).toBe(true);
    expect(await may('net.fetch', 'https://example.com/')).toBe(false);
  });

  it('shows a refusal as it is', async () => {
    const { call } = kernel();
    const { artifact_hash } = await call('aga_create_artifact', { permitted_tools: ['filesystem/read_*'] });
    const shown = blocks().find((block) => 'error' in block);
    const no = await call('aga_delegate_to_subagent', { permitted_tools: ['filesystem/*'] }).catch(
      (error) => error.body,
    );
    expect(JSON.parse(JSON.stringify(no).replace(artifact_hash, '1b7f…'))).toEqual(shown?.error);
  });

  it('shows a configuration that is one', () => {
    const shown = blocks().find((block) => 'upstreams' in block);
    expect(configSchema.parse(shown)).toMatchObject({ ...shown, mode: 'enforce' });
  });
});

describe('mcp.json', () => {
  it('is the same for every host that reads it', () => {
    expect(file('.mcp.json')).toBe(file('mcp.json'));
    expect(JSON.parse(file('mcp.json')).mcpServers['aga-delegate'].command).toBe('npx');
  });
});
