import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** On a pseudo-terminal; `keys` are typed once something was drawn. */
function drawn(keys: string): Promise<{ code: number | null; out: string }> {
  const line = `'${process.execPath}' --no-warnings '${join(import.meta.dirname, 'progress.process.ts')}'`;
  const child = spawn('script', ['-qec', `stty cols 60; ${line}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    if (!out.includes(' of ')) setTimeout(() => child.stdin.write(keys), 50);
    out += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, out }));
  });
}

it('a bar stays on its line, and Ctrl-C ends what it is about with the exit code of an interruption', async () => {
  const { code, out } = await drawn('\u0003');
  expect(code).toBe(130);
  const [bar = ''] = /━+[^\r]*Waiting: \d+ of 10000/.exec(out) ?? [];
  expect(bar.length).toBeGreaterThan(30);
  expect(bar.length).toBeLessThan(60);
});
