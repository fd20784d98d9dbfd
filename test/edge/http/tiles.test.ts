import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/encoding.ts';
import { leafHash } from '../../../src/chain/tree.ts';
import { type Authority, authority, OPERATOR } from './fixture.ts';

let a: Authority;
beforeAll(async () => {
  a = await authority();
});
afterAll(() => a.close());

const tile = (path: string, token = OPERATOR) =>
  fetch(`${a.url}/tile/${path}`, { headers: { authorization: `Bearer ${token}` } });

describe('the log as tiles', () => {
  it('is served to the operator, each entry under its leaf', async () => {
    const { session } = await a.coordinator();
    const { rows } = await a.kernel.store.read({ after: -1, limit: 100 });
    const answer = await tile(`0/000.p/${rows.length}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    const leaves = new Uint8Array(await answer.arrayBuffer());
    expect(leaves.length).toBe(32 * rows.length);
    for (const [i, { entry }] of rows.entries())
      expect(toHex(leaves.slice(32 * i, 32 * i + 32))).toBe(toHex(leafHash(entry)));
    const entries = new Uint8Array(await (await tile(`entries/000.p/${rows.length}`)).arrayBuffer());
    expect(new TextDecoder().decode(entries.slice(2, 2 + ((entries[0]! << 8) | entries[1]!)))).toBe(rows[0]!.entry);
    expect((await tile('0/000.p/1')).status).toBe(200);
    expect((await tile('0/000')).status).toBe(404);
    expect((await tile('0/x000/000.p/1')).status).toBe(404);
    expect((await tile('0/000.p/1', session)).status).toBe(403);
    expect((await tile('0/000.p/1', 'nobody')).status).toBe(401);
  });
});
