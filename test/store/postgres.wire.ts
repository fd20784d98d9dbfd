/** A wire to a database that breaks where a test wants it to. */
import { createServer, connect as dial, type Socket } from 'node:net';

/**
 * What happens to the next COMMIT: `lost` never arrives; `done` arrives, its answer does not; `late` arrives after the
 * one who sent it has given up, as when a network lets a packet through at last; `last` is answered, and is the last that
 * gets through.
 */
export type Cut = 'lost' | 'done' | 'late' | 'last';

export interface Wire {
  /** The database's URL with this wire in front. */
  readonly url: string;
  readonly cuts: Cut[];
  /** While it is set, nobody new gets through; a cut that is the `last` is the last for all then. */
  closed: boolean;
  /** Connections that listen for news get nothing through any more, and are not told, as behind a firewall that forgot them. */
  deafen(): void;
  /** While it is set, nobody gets through, and who was through is cut off. */
  sever(): void;
  mend(): void;
  close(): Promise<void>;
}

const COMMIT = 'COMMIT\0';
/** Milliseconds by which a late COMMIT is late. */
const LATE = 400;

export async function wire(database: string): Promise<Wire> {
  const { port, hostname } = new URL(database);
  const cuts: Cut[] = [];
  const ends = new Set<Socket>();
  const listeners = new Set<Socket>();
  const deaf = new Set<Socket>();
  let severed = false;
  const server = createServer((near) => {
    ends.add(near);
    near.on('error', () => undefined).on('close', () => ends.delete(near));
    if (severed || made.closed) return near.destroy();
    const far = dial(Number(port), hostname);
    ends.add(far);
    far.on('error', () => undefined).on('close', () => ends.delete(far));
    let mute = false;
    let last = false;
    far.on('data', (bytes) => {
      if (deaf.has(near)) return;
      if (mute) near.destroy();
      else near.write(bytes);
      if (!last) return;
      far.destroy();
      near.end();
      if (made.closed) for (const end of ends) if (end !== near) end.destroy();
    });
    near.on('data', (bytes) => {
      if (deaf.has(near)) return undefined;
      if (bytes.includes('LISTEN ')) listeners.add(near);
      const at = bytes.indexOf(COMMIT);
      const cut = at === -1 ? undefined : cuts.shift();
      if (cut === undefined) return far.write(bytes);
      if (cut === 'last') {
        last = true;
        return far.write(bytes.subarray(0, at + COMMIT.length));
      }
      mute = true;
      // The message begins five bytes before its text: a letter and its length.
      far.write(bytes.subarray(0, at - 5));
      const commit = bytes.subarray(at - 5);
      if (cut === 'done') return far.write(commit);
      near.destroy();
      if (cut === 'lost') far.destroy();
      else setTimeout(() => far.end(commit), LATE);
      return undefined;
    });
    near.on('close', () => {
      if (!mute) far.destroy();
    });
    far.on('close', () => near.destroy());
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(database);
  url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const sever = (): void => {
    severed = true;
    for (const end of ends) end.destroy();
  };
  const made: Wire = {
    url: url.href,
    cuts,
    closed: false,
    deafen() {
      for (const near of listeners) deaf.add(near);
    },
    sever,
    mend() {
      severed = false;
    },
    close() {
      sever();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return made;
}
