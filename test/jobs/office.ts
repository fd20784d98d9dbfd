/** A whole installation in this process, with agents that tests give work to. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from '../../src/assemble.ts';
import { type Caller, operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import type { Circumstances } from '../../src/service/service.ts';
import { directory } from '../scratch.ts';

export const AGENT = join(import.meta.dirname, 'agent.process.ts');

export interface Office {
  readonly dataDir: string;
  readonly configFile: string;
  readonly root: string;
  call(name: string, input: object, caller?: Caller, circumstances?: Circumstances): Promise<any>; // answers of several tools
  close(): Promise<void>;
}

const command = { command: process.execPath, args: ['--no-warnings', AGENT] };
export const AGENTS = {
  'worker@1.0.0': { ...command, default: true },
  'worker@2.0.0': command,
  'hasty@1.0.0': { ...command, max_runtime_seconds: 1 },
  'only@0.1.0': command,
  'far@1.0.0': { remote: true },
  'faint@1.0.0': { remote: true, silence_seconds: 2 },
  'missing@1.0.0': { command: '/nowhere/at/all' },
};

export async function office(more: object = {}, dataDir = directory()): Promise<Office> {
  const configFile = join(dataDir, 'config.json');
  writeFileSync(configFile, JSON.stringify({ agents: AGENTS, job_grace_seconds: 1, ...more }));
  const { service, close } = await assemble(
    settings({ 'data-dir': dataDir, config: configFile }, {}, process.platform),
  );
  const self = operator();
  const call: Office['call'] = (name, input, caller = self, circumstances) =>
    service.call(service.tools.get(name)!, input, caller, circumstances).then((output) => {
      service.tools.get(name)!.output.parse(output);
      return output;
    });
  const permissions = { 'agent.delegate': ['*', '*@*'], 'tool.call': ['**'], 'cost.budget': ['USD:10'] };
  const { artifact_hash: root } = await call('aga_create_artifact', { permissions, max_children: 200 });
  return { dataDir, configFile, root, call, close };
}

/** Processes that carry this text in their environment. */
export function carrying(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text) && isRunning(pid);
      } catch {
        return false;
      }
    });
}

const isRunning = (pid: number): boolean => !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
