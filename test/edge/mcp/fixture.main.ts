/** The fixture as a process: `FIXTURE_STOP_MS` makes its `onStop` take that long. */
import { setTimeout as sleep } from 'node:timers/promises';
import { serveStdio } from '../../../src/edge/mcp/stdio.ts';
import { fixture } from './fixture.ts';

const log = (line: string) => process.stderr.write(`${line}\n`);

// An open timer: ending must not depend on an empty event loop.
setInterval(() => {}, 60_000);

serveStdio({
  session: () => fixture(log),
  info: { name: 'fixture', title: 'Fixture', version: '1.2.3' },
  async onStop() {
    await sleep(Number(process.env.FIXTURE_STOP_MS ?? 0));
    log('stopped');
  },
}).then(() => process.exit(0));
