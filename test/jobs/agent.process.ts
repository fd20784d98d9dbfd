/** An agent of the tests: does what its input says. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const input = JSON.parse(readFileSync(0, 'utf8'));
const say = (value: unknown): void =>
  void process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);

if (input.deaf) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
if (input.note)
  process.on('SIGTERM', () => {
    writeFileSync(input.note, 'told');
    process.exit(0);
  });
const sleeper = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
if (input.fork) spawn(process.execPath, ['-e', sleeper], { stdio: 'inherit' });
if (input.flee) spawn(process.execPath, ['-e', sleeper], { stdio: 'ignore', detached: true }).unref();
for (let times = input.times ?? 1; times > 0; times--) for (const each of input.say ?? []) say(each);
if (input.env)
  say({
    type: 'result',
    result: Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(AGA_|TRACEPARENT)/.test(name))),
  });
if ('sleep' in input) await sleep(input.sleep);
if ('result' in input) say({ type: 'result', result: input.result });
if (input.after) await sleep(input.after);
process.stdout.write('', () => process.exit(input.exit ?? 0));
