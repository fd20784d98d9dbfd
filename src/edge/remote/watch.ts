/** A job at another authority, watched: its stream of events is read, and opened again where it breaks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../../base/refusal.ts';
import type { Agent } from '../../client/index.ts';
import { isObject } from '../mcp/rpc.ts';
import type { ResourceWatch, Session } from '../mcp/session.ts';
import { asRefusal } from './refusal.ts';
import { eventsIn } from './stream.ts';

const JOB = /^aga:\/\/jobs\/([0-9a-f]{32})(?:\?after=\d+)?$/;
/** Before a stream that broke is opened again, in milliseconds. */
const PAUSE = 1000;

export async function watchJob(
  agent: Agent,
  readResource: Session['readResource'],
  uri: string,
  watch: ResourceWatch,
): Promise<(() => void) | undefined> {
  const id = JOB.exec(uri)?.[1];
  const shown = id && (await readResource(`aga://jobs/${id}`));
  if (!shown) return undefined;
  const stopping = new AbortController();
  const { signal } = stopping;
  let last = lastEvent(shown.contents[0]?.text);

  async function follow(): Promise<void> {
    const path = `/api/v1/jobs/${id}/events?after=${last}`;
    const response = await agent.open('GET', path, undefined, { accept: 'text/event-stream', signal });
    for await (const _ of eventsIn(response)) {
      last += 1;
      watch.changed();
    }
  }

  async function go(): Promise<void> {
    while (!signal.aborted) {
      try {
        // Nothing follows the end of a job.
        return await follow();
      } catch (error) {
        if (signal.aborted) return;
        const refusal = asRefusal(error);
        if (refusal instanceof Refusal && !refusal.body.retryable && refusal.status < 500) return watch.ended();
        await sleep(PAUSE, undefined, { ref: false });
      }
    }
  }

  void go();
  return () => stopping.abort();
}

function lastEvent(text = '{}'): number {
  const job: unknown = JSON.parse(text);
  return isObject(job) && typeof job.last_event === 'number' ? job.last_event : 0;
}
