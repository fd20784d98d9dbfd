/** A lineage as documents: the signed artifacts and the enrolment statements, as they stand on the chain. */
import type { Grant } from '../../authority/grant.ts';
import { operator } from '../../caller.ts';
import type { Entry } from '../../chain/entry.ts';
import type { Page } from '../../ports.ts';
import type { Service } from '../../service.ts';

type Document = { readonly [member: string]: unknown };

/** Root first. Of an artifact whose holder was named at issue there is no statement. */
export async function lineageOnChain(
  service: Service,
  line: readonly Grant[],
): Promise<{ artifacts: Document[]; enrollments: Document[] }> {
  return service.read(operator(), async (reader) => {
    const artifacts: Document[] = [];
    const enrollments: Document[] = [];
    for (const { hash, sequence, enroll, holder } of line) {
      const { artifact } = eventIn(await reader.read({ after: sequence - 1, limit: 1 }));
      artifacts.push(artifact as Document); // an entry that creates a grant carries its artifact
      if (!enroll || holder === null) continue;
      const { kind: _, ...statement } = eventIn(
        await reader.read({ after: -1, limit: 1, kind: 'ENROLLMENT', names: hash }),
      );
      enrollments.push(statement);
    }
    return { artifacts, enrollments };
  });
}

function eventIn({ rows: [row] }: Page): Entry['event'] {
  if (!row) throw new Error('an entry that the state knows is not on the chain');
  return (JSON.parse(row.entry) as Entry).event; // our own bytes
}
