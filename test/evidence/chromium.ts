/** Drives a headless Chromium over its DevTools protocol: enough to open a page, hand it a file and read what it says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
/** Null where there is none. */
export const CHROMIUM = NAMES.find((name) => spawnSync(name, ['--version']).status === 0) ?? null;

export interface Page {
  /** Value of an expression; a promise is awaited. */
  evaluate(expression: string): Promise<any>; // whatever the page computes
  /** Hands a file to a file input. */
  choose(selector: string, path: string): Promise<void>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
  /** Addresses that the page has asked for. */
  readonly requests: readonly string[];
  /** What the page complained about. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

export async function openPage(url: string): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), 'aga-chromium-'));
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(CHROMIUM ?? '', [...flags, 'about:blank'], { stdio: 'ignore' });
  try {
    return await attach(child, profile, url);
  } catch (error) {
    await end(child, profile);
    throw error;
  }
}

async function attach(child: ChildProcess, profile: string, url: string): Promise<Page> {
  const port = await portOf(profile);
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const { webSocketDebuggerUrl } = targets.find(({ type }: { type: string }) => type === 'page');
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (message: any) => void>(); // answers differ by method
  const [requests, complaints]: [string[], string[]] = [[], []];
  let last = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data));
    waiting.get(message.id)?.(message);
    if (message.method === 'Network.requestWillBeSent') requests.push(message.params.request.url);
    if (message.method === 'Log.entryAdded') complaints.push(message.params.entry.text);
    if (message.method === 'Runtime.exceptionThrown') complaints.push(message.params.exceptionDetails.text);
  };
  const send = (method: string, params: object = {}): Promise<any> =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  for (const domain of ['Network', 'Log', 'Runtime', 'Page', 'DOM']) await send(`${domain}.enable`);
  await send('Page.navigate', { url });
  const evaluate = async (expression: string): Promise<any> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  };
  const until = async (expression: string): Promise<void> => {
    for (let i = 0; i < 400; i++) {
      if (await evaluate(`Boolean(${expression})`)) return;
      await sleep(25);
    }
    throw new Error(`never true: ${expression}`);
  };
  await until('document.readyState === "complete"');
  return {
    evaluate,
    until,
    requests,
    complaints,
    async choose(selector, path) {
      const { root } = await send('DOM.getDocument');
      const { nodeId } = await send('DOM.querySelector', { nodeId: root.nodeId, selector });
      await send('DOM.setFileInputFiles', { nodeId, files: [path] });
    },
    async close() {
      socket.close();
      await end(child, profile);
    },
  };
}

/** The file is there before anything is in it. */
async function portOf(profile: string): Promise<number> {
  const file = join(profile, 'DevToolsActivePort');
  for (let i = 0; i < 600; i++) {
    const port = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0;
    if (port > 0) return port;
    await sleep(50);
  }
  throw new Error('Chromium did not say where it listens');
}

async function end(child: ChildProcess, profile: string): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
