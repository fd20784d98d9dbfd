/** All cases of the corpus, in the order of their files' making. */
import { chainOf, entriesOf } from '../../authority/forge.ts';
import { scene } from '../scene.ts';
import { actForgeries, courseForgeries } from './acts.ts';
import type { Case } from './case.ts';
import { bundle } from './chain.ts';
import { delegationForgeries, stageOf } from './delegation.ts';
import { receiptForgeries } from './receipts.ts';
import { rotationForgeries } from './rotation.ts';
import { structureForgeries } from './structure.ts';
import { textForgeries } from './text.ts';

export async function corpus(): Promise<Case[]> {
  const told = await scene();
  const chain = await chainOf(told.store);
  const stage = stageOf(told, entriesOf(chain));
  const small = await bundle(stage.begun, { artifact_hash: told.sibling });
  return [
    { name: 'good-sibling', about: 'An artifact, its parent, and nothing else.', bytes: small },
    ...textForgeries(small),
    ...(await structureForgeries(told, chain)),
    ...(await delegationForgeries(stage)),
    ...(await actForgeries(stage)),
    ...(await courseForgeries(stage)),
    ...(await receiptForgeries(told, chain)),
    ...rotationForgeries(told, entriesOf(chain)),
  ];
}
