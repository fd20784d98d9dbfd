/** A lineage as documents: the signed artifacts and the enrolment statements, as they stand on the chain. */
import type { Grant } from '../../authority/grant.ts';
import type { Entry } from '../../chain/entry.ts';
import type { Page } from '../../ports.ts';
import type { Service } from '../../service/service.ts';

type Document = { readonly [member: string]: unknown };

/** Documents that were read before: they never change, and every agent of a tree asks for the same ones. */
const known = new Map<string, Document>();
const KEPT = 5000;

/** Root first. Of an artifact whose holder was named at issue there is no statement. */
export async function lineageOnChain(
  { reader }: Service,
  line: readonly Grant[],
): Promise<{ artifacts: Document[]; enrollments: Document[] }> {
  const artifacts: Document[] = [];
  const enrollments: Document[] = [];
  for (const { hash, sequence, enroll, holder } of line) {
    artifacts.push(
      await remembered(hash, async () => {
        const { artifact } = eventIn(await reader.read({ after: sequence - 1, limit: 1 }));
        return artifact as Document; // an entry that creates a grant carries its artifact
      }),
    );
    if (!enroll || holder === null) continue;
    enrollments.push(
      await remembered(`holder of ${hash}`, async () => {
        const page = await reader.read({ after: sequence, limit: 1, kind: 'ENROLLMENT', names: hash });
        const { kind: _, ...statement } = eventIn(page);
        return statement;
      }),
    );
  }
  return { artifacts, enrollments };
}

async function remembered(key: string, read: () => Promise<Document>): Promise<Document> {
  const found = known.get(key) ?? (await read());
  if (known.size >= KEPT) known.clear();
  known.set(key, found);
  return found;
}

function eventIn({ rows: [row] }: Page): Entry['event'] {
  if (!row) throw new Error('an entry that the state knows is not on the chain');
  return (JSON.parse(row.entry) as Entry).event; // our own bytes
}
