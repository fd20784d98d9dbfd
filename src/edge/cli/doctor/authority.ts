/** The authority elsewhere that AGA_URL names: whether it answers, and takes us for its operator. */
import { sayUntrusted } from '../../../base/certificate.ts';
import { Refusal } from '../../../base/refusal.ts';
import { queryChain } from '../../../tools/query-chain.ts';
import { broken, type Check, ok, reason } from './check.ts';

/** Milliseconds in which it must answer. */
const PATIENCE = 5000;
const NAME = 'authority';

export const authority: Check = async (desk) => {
  const { url, token } = desk.settings();
  if (url === null) return [];
  const { username, password } = new URL(url);
  if (username !== '' || password !== '')
    return [
      broken(
        NAME,
        'AGA_URL contains a user name or a password.',
        'Leave it out; AGA_TOKEN or AGA_OPERATOR_TOKEN says who we are.',
      ),
    ];
  const found = await asked(url);
  if (typeof found === 'string')
    return [broken(NAME, `${url} ${found}.`, 'Check AGA_URL, and that it is served there.')];
  const counted = ok(NAME, `${url} answers, with ${found} ${found === 1 ? 'entry' : 'entries'}`);
  // Whether a token serves is found out by redeeming it.
  if (token !== null) return [counted];
  try {
    await (await desk.open()).call(queryChain, { limit: 1 });
    return [counted];
  } catch (error) {
    const fix = error instanceof Refusal && error.code !== 'UNAUTHENTICATED' ? error.hint : SHOW;
    return [broken(NAME, reason(error), fix)];
  }
};

const SHOW = 'Set AGA_OPERATOR_TOKEN to the operator token of that authority, or AGA_TOKEN to act as an agent.';

/** How many entries it has, or what it does instead of saying so. */
async function asked(url: string): Promise<number | string> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) return `answers ${response.status}`;
    const { entries } = (await response.json()) as { entries?: unknown }; // whoever it is that answers
    return typeof entries === 'number' ? entries : 'is no authority';
  } catch (error) {
    const { cause = error } = error as Error; // `fetch` says why beside its error
    return sayUntrusted(cause) ?? `cannot be reached (${reason(cause)})`;
  }
}
