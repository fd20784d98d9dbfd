/**
 * Files that decide whether the hook is asked, and who an agent is: whoever writes there writes its own authority.
 *
 * Claude Code reads its settings again while it runs, and one line there ends all hooks; a definition of an agent is the
 * name that an artifact was given to; a skill runs its commands without a hook. A pattern cannot leave a folder out, so
 * what permits `/project/**` permits them too.
 */
import { Refusal } from '../../base/refusal.ts';
import type { Act } from '../../scope/scope.ts';

const DECIDING =
  /\/(?:\.mcp\.json|\.claude\.json|\.claude\/(?:settings(?:\.local)?\.json|(?:agents|skills|commands|hooks|plugins|workflows)\/.*))$/i;

/** The refusal of an act that would change one of them. */
export function ownGround(acts: readonly Act[]): Refusal | undefined {
  const act = acts.find(({ capability, resource }) => capability === 'fs.write' && DECIDING.test(resource));
  if (!act) return undefined;
  return new Refusal(
    'PERMISSION_DENIED',
    `${JSON.stringify(act.resource.slice(0, 128))} decides what the host asks a hook`,
    {
      hint: 'No artifact permits this; ask the user to change it.',
    },
  );
}
