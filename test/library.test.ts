/** What `import … from 'aga-delegate'` gives: the client and the verifier stand there, too. */
import { describe, expect, it } from 'vitest';
import * as client from '../src/client/index.ts';
import * as library from '../src/index.ts';
import * as verifier from '../src/verify.ts';

describe('the library', () => {
  it('has the client and the verifier, the same as under their own names', () => {
    expect(library.connect).toBe(client.connect);
    expect(library.DelegateError).toBe(client.DelegateError);
    expect(library.Lease).toBe(client.Lease);
    expect(library.verifyBundle).toBe(verifier.verifyBundle);
  });
});
