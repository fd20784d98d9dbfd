/**
 * Files that decide whether the hook is asked, and who an agent is: whoever writes there writes its own authority.
 *
 * Claude Code reads its settings again while it runs, and one line there ends all hooks; a definition of an agent is the
 * name that an artifact was given to; a skill runs its commands without a hook. A pattern cannot leave a folder out, so
 * what permits `/project/**` permits them too.
 *
 * They are known by their names anywhere, and where those of this host are links, by where these lead.
 */
import { dirname, join } from 'node:path';
import { Refusal } from '../../base/refusal.ts';
import { homeFolder } from '../../config.ts';
import type { Act } from '../../scope/scope.ts';
import { followPatiently } from '../gateway/following.ts';

const BESIDE = ['.mcp.json', '.claude.json'];
const FOLDER = '.claude';
const WITHIN = [
  'settings.json',
  'settings.local.json',
  'agents',
  'skills',
  'commands',
  'hooks',
  'plugins',
  'workflows',
];
const DECIDING = new RegExp(
  `/(?:${[...BESIDE, ...WITHIN.map((name) => `${FOLDER}/${name}`)].join('|').replaceAll('.', '\\.')})(?:/.*)?$`,
  'i',
);

/** The refusal of an act that would change one of them; `cwd` is where the host's agent stands. Throws `UPSTREAM_FAILED` where that cannot be told in time. */
export async function ownGround(acts: readonly Act[], cwd: string): Promise<Refusal | undefined> {
  const writes = acts.filter(({ capability }) => capability === 'fs.write');
  if (writes.length === 0) return undefined;
  const places = await Promise.all(placesOf(cwd).map(followPatiently));
  const isIn = (path: string) => places.some((place) => path === place || path.startsWith(`${place}/`));
  const act = writes.find(({ resource }) => DECIDING.test(resource) || isIn(resource));
  if (!act) return undefined;
  return new Refusal(
    'PERMISSION_DENIED',
    `${JSON.stringify(act.resource.slice(0, 128))} decides what the host asks a hook`,
    {
      hint: 'No artifact permits this; ask the user to change it.',
    },
  );
}

/** Where the host looks: the folders above, the user's own, and one that it was told of. */
function placesOf(cwd: string): readonly string[] {
  const { CLAUDE_CONFIG_DIR: told } = process.env;
  const folders = [homeFolder() ?? cwd, ...upwards(cwd)];
  const configs = [...folders.map((folder) => join(folder, FOLDER)), ...(told ? [told] : [])];
  return [
    ...[...folders, ...(told ? [told] : [])].flatMap((folder) => BESIDE.map((name) => join(folder, name))),
    ...configs.flatMap((folder) => WITHIN.map((name) => join(folder, name))),
  ];
}

function upwards(from: string): readonly string[] {
  const above = dirname(from);
  return from.startsWith('/') && above !== from ? [from, ...upwards(above)] : [];
}
