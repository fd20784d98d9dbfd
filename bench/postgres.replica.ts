/** A replica of the bench: on a signal of its parent its clients delegate, or ask, each as soon as it is answered. */
import { assemble } from '../src/assemble.ts';
import { operator } from '../src/caller.ts';
import { settings } from '../src/config.ts';
import { QUESTION } from './question.ts';

export interface Run {
  readonly clients: number;
  readonly milliseconds: number;
  /** Artifact to delegate from. */
  readonly root: string;
  readonly what: 'delegate' | 'authorize' | 'check';
}

export interface Ran {
  readonly calls: number;
  /** Milliseconds of each call. */
  readonly latencies: readonly number[];
}

const installation = await assemble(settings({ 'data-dir': process.argv[2] }, process.env, process.platform));
const { service } = installation;
const caller = operator();
const tool = (name: string) => service.tools.get(name)!;

const WAYS: Record<Run['what'], (root: string) => Promise<unknown>> = {
  delegate: (root) =>
    service.call(
      tool('aga_delegate_to_subagent'),
      { parent_artifact_hash: root, permitted_tools: ['files/read'], ttl_seconds: 600 },
      caller,
    ),
  check: (root) =>
    service.call(
      tool('aga_check_permission'),
      { artifact_hash: root, capability: 'tool.call', resource: 'files/read' },
      caller,
    ),
  authorize: () => service.decide(caller, QUESTION, 'enforce'),
};

async function run({ clients, milliseconds, root, what }: Run): Promise<Ran> {
  caller.session.lastRoot = root;
  const latencies: number[] = [];
  const until = performance.now() + milliseconds;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let begun = performance.now(); begun < until; begun = performance.now()) {
        await WAYS[what](root);
        latencies.push(performance.now() - begun);
      }
    }),
  );
  return { calls: latencies.length, latencies };
}

process.on('message', (message: Run | 'root' | 'end') => {
  if (message === 'end') void installation.close().then(() => process.exit(0));
  else if (message === 'root')
    void service
      .call(tool('aga_create_artifact'), { max_children: 100_000, ttl_seconds: 36_000 }, caller)
      .then(({ artifact_hash }) => process.send?.(String(artifact_hash)));
  else void run(message).then((ran) => process.send?.(ran));
});
process.send?.('ready');
