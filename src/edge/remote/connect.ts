/** Working with another authority (AGA_URL): as the agent of a token whose key is kept in our own data directory. */
import { Refusal } from '../../base/refusal.ts';
import { CannotStart } from '../../cannot-start.ts';
import { type Agent, agentKeyOf, connect } from '../../client/index.ts';
import type { Settings } from '../../config.ts';
import { agentKeyIn } from '../../installation/identity.ts';
import { prepareDirectory } from '../../keys/file.ts';
import { once } from '../../once.ts';
import { asRefusal } from './refusal.ts';

/** Connects when it is first asked. Throws refusals; `CannotStart` at once where there is no token. */
export function remoteAgent({ dataDir, token, url }: Settings): () => Promise<Agent> {
  if (url === null || token === null) {
    throw new CannotStart('AGA_URL is set without a token: set AGA_TOKEN (or --token) as well.');
  }
  prepareDirectory(dataDir);
  return once(async () => {
    try {
      return await connect({ server: url, token, key: agentKeyOf(agentKeyIn(dataDir, token)) });
    } catch (error) {
      const refusal = asRefusal(error);
      throw refusal instanceof Refusal ? refusal : error;
    }
  });
}
