import { CannotStart } from '../../../cannot-start.ts';
import type { Command, Desk } from '../command.ts';
import { archive } from '../doctor/archive.ts';
import { authority } from '../doctor/authority.ts';
import { chain, database } from '../doctor/chain.ts';
import { broken, type Check, type Finding } from '../doctor/check.ts';
import { hosts } from '../doctor/hosts.ts';
import { clock, configuration, directory, environment, runtime } from '../doctor/installation.ts';
import { upstreams } from '../doctor/upstreams.ts';
import { witnesses } from '../doctor/witnesses.ts';
import { plain, type Side, type Style } from '../terminal.ts';

/** Where we work with an authority elsewhere, what stands here of a chain is nothing to us. */
function ifHere(check: Check): Check {
  return async (desk) => (desk.settings().url === null ? check(desk) : []);
}

const CHECKS: readonly Check[] = [
  runtime,
  clock,
  environment,
  configuration,
  directory,
  ...[database, chain, archive, witnesses].map(ifHere),
  authority,
  upstreams,
  hosts,
];

const MARKS: { readonly [S in Finding['status']]: readonly [string, Style] } = {
  ok: ['✓', 'green'],
  note: ['!', 'yellow'],
  broken: ['✕', 'red'],
};

export const doctor: Command = {
  name: 'doctor',
  group: 'Set up:',
  summary: 'Examine this installation and the MCP hosts that use it; exit 1 when something is broken',
  examples: [['doctor', 'What is wrong, and how to fix it:']],
  async run(desk) {
    const checks = await examine(desk);
    const failed = checks.some(({ status }) => status === 'broken');
    return { answer: { ok: !failed, checks }, failed, text: (out) => checks.map((each) => told(each, out)).join('\n') };
  },
};

async function examine(desk: Desk): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of CHECKS) {
    try {
      findings.push(...(await check(desk)));
    } catch (error) {
      if (!(error instanceof CannotStart)) throw error;
      // What needs the settings fails with the same words each time.
      if (!findings.some(({ message }) => message === error.message)) {
        findings.push(broken('settings', error.message, 'Correct it, then run doctor again.'));
      }
    }
  }
  return findings;
}

function told({ name, status, message, fix }: Finding, { paint }: Side): string {
  const [mark, colour] = MARKS[status];
  const head = `${paint(colour, mark)} ${paint('bold', name)}  ${message.split('\n').map(plain).join('\n    ')}`;
  return fix === undefined ? head : `${head}\n    ${paint('dim', `→ ${plain(fix)}`)}`;
}
