/** A session that is opened with its first real question: until then nobody knows yet who is asking. */
import { Refusal } from '../../base/refusal.ts';
import { refusalResult } from './result.ts';
import type { Session } from './session.ts';

/** `open` throws the refusal of a token that does not serve: then nothing is listed, and every call answers it. */
export function enrolledSession(instructions: string, open: () => Promise<Session>): Session {
  const listeners = new Map<() => void, () => void>();
  let opened: Session | undefined;

  async function orElse<T>(ask: (session: Session) => Promise<T>, refused: (refusal: Refusal) => T): Promise<T> {
    try {
      const session = await open();
      if (!opened) {
        opened = session;
        for (const listener of listeners.keys()) listeners.set(listener, session.onListsChanged(listener));
      }
    } catch (error) {
      if (error instanceof Refusal) return refused(error);
      throw error;
    }
    return ask(opened);
  }

  const none = () => [];
  return {
    instructions,
    listTools: () => orElse((session) => session.listTools(), none),
    callTool: (call) => orElse((session) => session.callTool(call), refusalResult),
    listResources: () => orElse((session) => session.listResources(), none),
    listResourceTemplates: () => orElse((session) => session.listResourceTemplates(), none),
    readResource: (uri, asking) =>
      orElse(
        (session) => session.readResource(uri, asking),
        () => undefined,
      ),
    watchResource: (uri, watch) =>
      orElse(
        async (session) => session.watchResource?.(uri, watch),
        () => undefined,
      ),
    listPrompts: () => orElse((session) => session.listPrompts(), none),
    getPrompt: (name, args, asking) =>
      orElse(
        (session) => session.getPrompt(name, args, asking),
        () => undefined,
      ),
    // Asked by every connection, also by a probe, so it opens nothing.
    onListsChanged(listener) {
      listeners.set(listener, opened?.onListsChanged(listener) ?? (() => undefined));
      return () => {
        listeners.get(listener)?.();
        listeners.delete(listener);
      };
    },
  };
}
