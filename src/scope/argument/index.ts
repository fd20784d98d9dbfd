/** The kinds of argument rules. A new one is one file and one line here. */
import type { Kind } from '../kind.ts';
import { any } from './any.ts';
import { each } from './each.ts';
import { equals } from './equals.ts';
import { matches } from './matches.ts';
import { maxBytes } from './max-bytes.ts';
import { oneOf } from './one-of.ts';
import { max, min } from './range.ts';
import { under } from './under.ts';
import { url } from './url.ts';

export const KINDS: readonly Kind[] = [equals, oneOf, under, url, matches, min, max, maxBytes, each, any];
