/** Progress notifications of one call, in order and before its result. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { McpRequest } from './mcp-request.ts';
import type { ToolCall } from './session.ts';

export interface Progress {
  readonly send: ToolCall['progress'];
  /** Resolves when a result may follow; nothing is sent after it was called. */
  settle(): Promise<void>;
}

const NONE: Progress = { send: () => {}, settle: async () => {} };

/**
 * Clients of both SDK lines hand a notification to its listener a moment later than a result that came in the same
 * read, and by then have forgotten the listener. So a result keeps this distance from the last notification.
 */
const GAP_MS = 10;

export function progressOf({ meta, notify }: McpRequest): Progress {
  const { progressToken } = meta;
  if (progressToken === undefined) return NONE;
  let last: Promise<void> | undefined;
  let lastAt = 0;
  let over = false;
  return {
    send(update) {
      if (over) return;
      // A connection that is gone needs no progress.
      last = notify('notifications/progress', { progressToken, ...update }).catch(() => {});
      lastAt = performance.now();
    },
    async settle() {
      over = true;
      if (last === undefined) return;
      await last;
      const gap = GAP_MS - (performance.now() - lastAt);
      if (gap > 0) await sleep(gap);
    },
  };
}
