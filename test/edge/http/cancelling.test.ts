import { describe, expect, it } from 'vitest';
import { cancelling } from '../../../src/edge/http/cancelling.ts';

const call = (id: string | number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: {} });
const cancel = (requestId: string | number) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

describe('a cancellation that comes as a request of its own', () => {
  const seen = () => {
    const ended: string[] = [];
    const { seen } = cancelling();
    return {
      ended,
      seen,
      run: (name: string, token: string | null, message: object) =>
        seen(token, message as never, () => ended.push(name)),
    };
  };

  it('ends the one running request of that bearer with that id', () => {
    const { ended, run } = seen();
    run('a', 'x', call(1));
    run('b', 'x', call('1'));
    run('c', 'y', call(1));
    run('', 'x', cancel(1));
    expect(ended).toEqual(['a']);
  });

  it('ends none where it could be meant for several, or for one that is over', () => {
    const { ended, run } = seen();
    const over = run('a', 'x', call(1));
    run('b', 'x', call(1));
    run('', 'x', cancel(1));
    run('', 'x', cancel(2));
    expect(ended).toEqual([]);
    over();
    over();
    run('', 'x', cancel(1));
    expect(ended).toEqual(['b']);
  });

  it('is nobody’s without a token, and nothing where it is no message', () => {
    const { ended, run } = seen();
    run('a', null, call(1));
    run('', null, cancel(1));
    run('', 'x', []);
    run('', 'x', { method: 'notifications/cancelled', params: null });
    expect(ended).toEqual([]);
  });
});
