/** A process of its own that spends from one budget as fast as it can, under a few artifacts; reports what it spent. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assemble } from '../../src/assemble.ts';
import { Refusal } from '../../src/base/refusal.ts';
import { bound } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';

const [, , dataDir = '', line = '', runners = '', ...artifacts] = process.argv;
const { service, close } = await assemble(settings({ 'data-dir': dataDir }, {}, process.platform));
const spend = service.tools.get('aga_spend')!;

/** In cents: uneven, so that the last cent is what they fight over. */
async function draw(artifact: string, at: number): Promise<number> {
  const caller = bound(artifact, 'process');
  let spent = 0;
  for (let turn = 0; ; turn++) {
    const cents = Math.max(1, 37 - ((turn * 7 + at) % 37));
    try {
      const amounts = [`USD:0.${String(cents).padStart(2, '0')}`];
      const { reservation_id } = await service.call(spend, { action: 'reserve', amounts }, caller);
      // Every third is released, every other one spends all but a cent.
      const rest = turn % 2 === 0 && cents > 1 ? cents - 1 : cents;
      const how =
        turn % 3 === 0
          ? { action: 'release' }
          : { action: 'settle', amounts: [`USD:0.${String(rest).padStart(2, '0')}`] };
      await service.call(spend, { ...how, reservation_id }, caller);
      if (how.action === 'settle') spent += rest;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'BUDGET_EXHAUSTED') throw error;
      if (cents === 1) return spent;
    }
  }
}

/** Nobody spends before all are there, or the first to start would have it all. */
writeFileSync(join(line, String(process.pid)), '');
while (readdirSync(line).length < Number(runners)) await sleep(5);

const spent = await Promise.all(artifacts.map(draw));
process.stdout.write(`${spent.reduce((sum, each) => sum + each, 0)}\n`);
await close();
process.exit(0);
