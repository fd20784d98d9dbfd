import { CommanderError } from 'commander';
import type { Terminal } from './terminal.ts';

/** Code of the error by which `usage` ends a command. */
export const USAGE = 'aga.usage';

/** The arguments do not go together: exit 2. */
export function usage({ err }: Terminal, message: string): never {
  err.line(`error: ${message}`);
  throw new CommanderError(2, USAGE, message);
}
