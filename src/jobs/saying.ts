/** What an agent says, a line at a time (docs/jobs.md). */
import * as z from 'zod';
import type { Json } from '../base/canonical.ts';
import { parseStrict } from '../base/strict-json.ts';

export type Saying =
  | { readonly type: 'progress'; readonly said: Json }
  | { readonly type: 'log'; readonly said: Json }
  | { readonly type: 'result'; readonly result: Json }
  | { readonly type: 'error'; readonly code: string; readonly message: string };

/** The code of an agent that fails without giving one, or that ends without a result. */
export const FAILED = 'UPSTREAM_FAILED';

/** Longer texts are cut. */
const MAX_MESSAGE = 4096;
export const MAX_LINE_BYTES = 1024 * 1024;

const cut = (text: string): string => {
  const short = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  return short.toWellFormed();
};
const message = z.string().transform(cut);

const schema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    progress: z.number(),
    total: z.number().optional(),
    message: message.optional(),
  }),
  z.object({ type: z.literal('log'), message }),
  z.object({ type: z.literal('result'), result: z.unknown() }),
  z.object({
    type: z.literal('error'),
    error: z.object({
      code: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/)
        .catch(FAILED),
      message: message.catch('The agent gave no reason.'),
    }),
  }),
]);

export const logged = (text: string): Saying => ({ type: 'log', said: { message: cut(text) } });

/** Whatever is none of the four is a line of the log. */
export function readSaying(line: Buffer): Saying | undefined {
  if (line.length === 0) return undefined;
  let value: Json;
  try {
    value = parseStrict(line, { maxBytes: MAX_LINE_BYTES });
  } catch {
    return logged(line.toString());
  }
  const { success, data } = schema.safeParse(value);
  if (!success) return logged(line.toString());
  if (data.type === 'result') return { type: 'result', result: (data.result ?? null) as Json }; // was parsed as JSON
  if (data.type === 'error') return { type: 'error', ...data.error };
  const { type, ...said } = data;
  return { type, said: said as Json }; // what is optional is absent, never undefined
}
