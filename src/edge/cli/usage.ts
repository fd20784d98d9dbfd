import { CommanderError } from 'commander';
import type { Terminal } from './terminal.ts';

/** The arguments do not go together: exit 2. */
export function usage({ err }: Terminal, message: string): never {
  err.line(`error: ${message}`);
  throw new CommanderError(2, 'aga.usage', message);
}
