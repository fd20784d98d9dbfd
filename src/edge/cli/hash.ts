/** A person types the first digits of a hash, as with other content-addressed tools. */
import { Refusal } from '../../base/refusal.ts';
import { inspect } from '../../tools/inspect.ts';
import type { Desk } from './command.ts';

/** Fewer digits are a slip of the hand. */
const PREFIX = /^[0-9a-f]{4,63}$/;

const WHOLE = /^[0-9a-f]{64}$/;

/** The input with every shortened artifact hash written out. @throws Refusal for what is no beginning of one. */
export async function completed(
  desk: Desk,
  input: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const whole: Record<string, unknown> = { ...input };
  for (const [name, value] of Object.entries(input)) {
    const text = String(value);
    if (!name.endsWith('artifact_hash') || WHOLE.test(text)) continue;
    if (!PREFIX.test(text))
      throw new Refusal(
        'INVALID_REQUEST',
        `${name} must be 64 lower-case hex digits, or at least the first 4 of them.`,
      );
    whole[name] = await complete(desk, text);
  }
  return whole;
}

async function complete(desk: Desk, prefix: string): Promise<string> {
  const { tree = [] } = await (await desk.open()).call(inspect, { view: 'tree' });
  const fitting = tree.map(({ artifact_hash }) => artifact_hash).filter((hash) => hash.startsWith(prefix));
  if (fitting.length > 1)
    throw new Refusal('INVALID_REQUEST', `${fitting.length} artifacts begin with ${prefix}; give more digits.`);
  const [hash] = fitting;
  if (hash === undefined) throw new Refusal('ARTIFACT_NOT_FOUND', `No artifact that is shown begins with ${prefix}.`);
  return hash;
}
