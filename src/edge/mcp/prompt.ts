/** The prompt `delegate-task`: a person asks a coordinator to delegate with care. */
import { type JsonObject, RPC, RpcError } from './rpc.ts';

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
  const task = textOf(args, 'task');
  const agent = args.sub_agent === undefined ? 'a sub-agent' : textOf(args, 'sub_agent');
  const text =
    `Delegate this task to ${agent}: ${task}\n\n` +
    '1. With aga_inspect, see what you hold. If no artifact is loaded, create one with aga_create_artifact.\n' +
    '2. List the tools, paths and hosts that the task really needs, and how long it takes.\n' +
    '3. Call aga_delegate_to_subagent with exactly these permissions and that ttl_seconds.\n' +
    '4. Start the sub-agent with the child_artifact_hash, and revoke it with aga_revoke_artifact when the task is done.';
  return { description: `Delegate: ${task}`, messages: [{ role: 'user', content: { type: 'text', text } }] };
}

/** Throws the protocol error that MCP has for a prompt whose arguments are missing, naming the one. */
function textOf(args: JsonObject, argument: string): string {
  const value = args[argument];
  if (typeof value === 'string' && value.trim() !== '') return value;
  const wrong = value === undefined ? 'is missing' : 'must be text that says something';
  throw new RpcError(RPC.params, `Invalid params: the argument "${argument}" of ${delegateTaskPrompt.name} ${wrong}`, {
    argument,
  });
}
