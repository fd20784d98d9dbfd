/** The log for transparency-log tools: C2SP tlog-tiles below `/`, beside `/checkpoint`. It shows what everybody did, so it is the operator's. */
import { Refusal } from '../../../base/refusal.ts';
import { readResource } from '../../../evidence/tlog.ts';
import { type Route, route } from '../route.ts';

/** A path has as many elements as its number has groups of three digits, and one more where the tile is not full. */
const PATHS = ['/tile/:level/:a', '/tile/:level/:a/:b', '/tile/:level/:a/:b/:c', '/tile/:level/:a/:b/:c/:d'];

export const tiles: readonly Route[] = PATHS.map((path) =>
  route({
    method: 'GET',
    path,
    summary:
      'A tile of the hash tree, or with the level "entries" the entries below it (C2SP tlog-tiles); for the operator',
    access: 'bearer',
    media: ['application/octet-stream'],
    async answer({ params, caller }, { service }) {
      if (caller.artifact !== null) throw new Refusal('NOT_OPERATOR', 'Only the operator reads the whole log.');
      const bytes = await service.read(caller, (reader) =>
        readResource(reader, `tile/${Object.values(params).join('/')}`),
      );
      if (!bytes) throw new Refusal('NOT_FOUND', 'The log has no such tile.');
      return { bytes, type: 'application/octet-stream' };
    },
  }),
);
