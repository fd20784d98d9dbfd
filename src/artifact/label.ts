/** Printable text: what a person may read in a log without being deceived by control characters. */
import * as z from 'zod';

/** Controls, line separators, and what turns the reading direction of all that follows. */
const UNPRINTABLE = /\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/u;

export const label = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.isWellFormed() && !UNPRINTABLE.test(text), 'holds control characters');
