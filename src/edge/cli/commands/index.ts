/** The commands, in the order of the help. */
import type { Command } from '../command.ts';
import { agents } from './agents.ts';
import { apply } from './apply.ts';
import { archive } from './archive.ts';
import { check } from './check.ts';
import { create } from './create.ts';
import { delegate } from './delegate.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { exportCommand } from './export.ts';
import { hook } from './hook.ts';
import { init } from './init.ts';
import { inspect } from './inspect.ts';
import { keys } from './keys.ts';
import { log } from './log.ts';
import { migrate } from './migrate.ts';
import { resume } from './resume.ts';
import { revoke } from './revoke.ts';
import { run } from './run.ts';
import { serve } from './serve.ts';
import { suggest } from './suggest.ts';
import { tree } from './tree.ts';
import { verify } from './verify.ts';
import { witness } from './witness.ts';

export const COMMANDS: readonly Command[] = [
  create,
  delegate,
  apply,
  run,
  hook,
  revoke,
  resume,
  tree,
  agents,
  inspect,
  check,
  log,
  verify,
  exportCommand,
  suggest,
  serve,
  keys,
  witness,
  init,
  doctor,
  demo,
  migrate,
  archive,
];
