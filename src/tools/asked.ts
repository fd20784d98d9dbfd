/**
 * The question whether an act is permitted. A call of a tool behind the gateway is asked about as the gateway would:
 * with what its arguments touch by the map of its server, where they are given, and with what it costs.
 */
import type { Question } from '../authority/decide.ts';
import type { Act } from '../scope/scope.ts';
import { refuseListedName } from './listed-names.ts';
import { refusalOf } from './offering.ts';
import type { Policy } from './tool.ts';

/** The capability whose resource is the name of a tool. */
const TOOL_CALL = 'tool.call';

/** Throws `INVALID_REQUEST` where the tool is named as it is listed. */
export function asked(act: Act, { behind }: Policy): Pick<Question, 'acts' | 'tool' | 'barred' | 'price'> {
  const { capability, resource: tool, arguments: given } = act;
  if (capability !== TOOL_CALL) return { acts: [act], tool: null };
  refuseListedName(tool, behind);
  const touched = refusalOf(() => (given && behind?.touched(tool, given)) ?? []);
  const price = behind?.price(tool);
  return 'answer' in touched
    ? { acts: [act, ...touched.answer], tool, price }
    : { acts: [act], tool, price, barred: touched };
}
