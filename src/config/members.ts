/** The members of the configuration file that have members of their own. */
import * as z from 'zod';
import { Refusal } from '../base/refusal.ts';
import { parseLimits } from '../scope/limits.ts';
import { parseCeiling, parsePresets } from '../scope/preset.ts';

const seconds = z.int().min(1);
const amount = z.string().regex(/^[A-Z]{3}:(0|[1-9]\d*)(\.\d+)?$/, 'must be an amount such as "USD:0.30"');

/** Left as written, but only if it can be read; the reader's sentence names the place. */
const readable = (read: (value: unknown) => unknown) =>
  z.unknown().superRefine((value, { addIssue }) => {
    try {
      read(value);
    } catch (error) {
      addIssue({ code: 'custom', message: Refusal.from(error).message, params: { sentence: true } });
    }
  });

export const presets = readable(parsePresets);
export const ceiling = readable((value) => value === undefined || parseCeiling(value, 'root_ceiling'));
export const limits = readable((value) => value === undefined || parseLimits(value));

const program = {
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().min(1).optional(),
};
const agentOptions = {
  default: z.boolean().optional(),
  max_runtime_seconds: seconds.optional(),
  budget_exhausted: z.enum(['refuse', 'end']).optional(),
};
export const agents = z.record(
  z.string().min(1).max(128),
  z.union([
    z.strictObject({ ...program, ...agentOptions }),
    z.strictObject({ remote: z.literal(true), silence_seconds: seconds.optional(), ...agentOptions }),
  ]),
);

export const prices = z.record(
  z
    .string()
    .max(512)
    .regex(/^[^/]+\/./, 'must be "server/tool"')
    // Taken for a pattern, it would let what it was meant for go out unpaid.
    .regex(/^[^*]*$/, 'must name one tool; patterns are not allowed here'),
  z.union([
    z.strictObject({ per_call: amount }),
    z.strictObject({ per_kib: amount }),
    z
      .strictObject({ result: z.string().startsWith('/'), currency: z.string().regex(/^[A-Z]{3}$/), reserve: amount })
      // Held in another, it would pay for nothing.
      .refine(({ currency, reserve }) => reserve.startsWith(`${currency}:`), {
        path: ['reserve'],
        message: 'must be an amount in the currency that "currency" names',
      }),
  ]),
);
