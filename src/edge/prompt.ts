/** The prompt `delegate-task`: a person asks a coordinator to delegate with care. */
import type { Json } from '../base/canonical.ts';

type JsonObject = { readonly [name: string]: Json };

export const delegateTaskPrompt = {
  name: 'delegate-task',
  title: 'Delegate a task to a sub-agent',
  description: 'Plans the narrowest artifact for a task, delegates it, and starts the sub-agent with it',
  arguments: [
    { name: 'task', description: 'What the sub-agent should do', required: true },
    { name: 'sub_agent', description: 'Name of the sub-agent', required: false },
  ],
};

export function delegateTask(args: JsonObject): JsonObject {
  const task = String(args.task ?? '');
  const agent = String(args.sub_agent ?? 'a sub-agent');
  const text =
    `Delegate this task to ${agent}: ${task}\n\n` +
    '1. With aga_inspect, see what you hold. If no artifact is loaded, create one with aga_create_artifact.\n' +
    '2. List the tools, paths and hosts that the task really needs, and how long it takes.\n' +
    '3. Call aga_delegate_to_subagent with exactly these permissions and that ttl_seconds.\n' +
    '4. Start the sub-agent with the child_artifact_hash, and revoke it with aga_revoke_artifact when the task is done.';
  return { description: `Delegate: ${task}`, messages: [{ role: 'user', content: { type: 'text', text } }] };
}
