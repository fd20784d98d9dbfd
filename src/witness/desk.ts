/** The witnesses of an installation, as an operator works with them. */
import { Refusal } from '../base/refusal.ts';
import { parseVerifierKey } from '../chain/checkpoint.ts';
import { parseWitnessKey } from '../chain/cosignature.ts';
import { isOf } from '../evidence/cosigned.ts';
import type { Trouble } from '../evidence/witness.ts';
import { addressIn } from './address.ts';
import { ask, type Cosigning, headOf, newestOf, type World } from './ask.ts';
import { MOST_WITNESSES, type Pinned, type Witness } from './book.ts';
import { knock, Unreachable } from './post.ts';

export interface Standing {
  readonly url: string;
  /** C2SP verifier key. */
  readonly key: string;
  readonly name: string;
  /** Entries of the newest checkpoint that it has cosigned; null for none. */
  readonly cosigned: number | null;
  /** When it did, RFC 3339; null where it never did. */
  readonly at: string | null;
  /** Entries that have been written since. */
  readonly behind: number;
  /** What it has cosigned is not what the chain here begins with: it was cut or rewritten. */
  readonly foreign: boolean;
}

export interface Outcome extends Standing {
  /** Why it has not cosigned now; null where it has. */
  readonly trouble: Trouble | null;
}

export interface Witnesses {
  list(): Promise<readonly Standing[]>;
  /** False where exactly this one is there already. Throws `INVALID_REQUEST`. */
  add(text: string, key: string, insecure: boolean): Promise<{ readonly added: boolean; readonly witness: Pinned }>;
  /** Throws `NOT_FOUND`. What it cosigned is not shown any more. */
  remove(text: string): Promise<Pinned>;
  /** Has each of them cosign the end of the chain. */
  sync(): Promise<readonly Outcome[]>;
  /** Null where something at that address speaks HTTP, else why not. */
  reach(url: string): Promise<string | null>;
}

export function witnessesOf(world: World): Witnesses {
  const { book, chain } = world;
  const standing = async (witness: Witness): Promise<Standing> => {
    const newest = await newestOf(book, witness);
    // Read after it: a newer head is never an older history.
    const size = (await headOf(chain))?.size ?? 0;
    return { ...standingOf(witness, size, newest), foreign: newest ? !(await isOf(chain, newest, { size })) : false };
  };
  return {
    async list() {
      return Promise.all((await book.witnesses()).map(standing));
    },

    async add(text, key, insecure) {
      const address = addressIn(text, insecure);
      if ('wrong' in address) throw wrong(`The URL ${address.wrong}.`);
      const { url } = address;
      const pinned = { url, key: keyIn(key) };
      let added = false;
      await book.change((before) => {
        added = false;
        if (before.some((each) => each.url === url && each.key === pinned.key)) return before;
        refuseTwin(before, pinned);
        added = true;
        return [...before, pinned];
      });
      return { added, witness: pinned };
    },

    async remove(text) {
      const asked = text.replace(/\/+$/, '');
      let found: Pinned | undefined;
      await book.change((before) => {
        found = before.find(({ url, key }) => url === asked || key === text || key.split('+')[0] === text);
        if (!found)
          throw new Refusal('NOT_FOUND', 'There is no such witness.', { hint: 'See: aga-delegate witness list' });
        return before.filter((each) => each !== found);
      });
      return found!;
    },

    async sync() {
      const head = await headOf(chain);
      if (!head)
        throw new Refusal('NOT_FOUND', 'The chain has no entries yet: there is nothing to cosign.', { hint: BEGIN });
      return Promise.all(
        (await book.witnesses()).map(async (witness) => {
          const outcome = await ask(world, witness, head, { fresh: true });
          const trouble = 'code' in outcome ? outcome : null;
          return { ...(await standing(witness)), trouble };
        }),
      );
    },

    reach: async (url) =>
      knock(url).then(
        () => null,
        (error: unknown) => {
          if (error instanceof Unreachable) return error.message;
          throw error;
        },
      ),
  };
}

const BEGIN = 'Create an artifact first: aga-delegate create';
const wrong = (message: string, hint?: string): Refusal =>
  new Refusal('INVALID_REQUEST', message, hint === undefined ? {} : { hint });

function standingOf(
  { url, key, verifier }: Witness,
  size: number,
  newest: Cosigning | undefined,
): Omit<Standing, 'foreign'> {
  return {
    url,
    key,
    name: verifier.name,
    cosigned: newest?.size ?? null,
    at: newest ? new Date(newest.seconds * 1000).toISOString() : null,
    behind: Math.max(0, size - (newest?.size ?? 0)),
  };
}

/** Throws `INVALID_REQUEST` that says which other kind of key it is. */
function keyIn(key: string): string {
  if (parseWitnessKey(key)) return key;
  if (parseVerifierKey(key)) throw wrong('That is the key of a log (type 0x01), not of a witness.', ASK);
  // base64 of a first byte 0x06.
  const [, material = ''] = /^[^+]+\+[0-9a-f]{8}\+(.+)$/.exec(key) ?? [];
  if (/^B[g-v]/.test(material))
    throw wrong(
      'That is an ML-DSA-44 key (type 0x06), which is not supported yet.',
      'Ask for its Ed25519 cosignature key.',
    );
  throw wrong('The key is not a C2SP verifier key of a witness: NAME+ID+KEY, of the type 0x04.', ASK);
}

const ASK = 'Ask the operator of the witness for its verifier key, the line NAME+ID+KEY of C2SP signed-note.';

function refuseTwin(before: readonly Pinned[], { url, key }: Pinned): void {
  const hint = 'Remove it first: aga-delegate witness remove URL';
  if (before.some((each) => each.url === url)) throw wrong('That address is pinned to another key.', hint);
  if (before.some((each) => each.key === key))
    throw wrong('That key is pinned at another address; a witness counts once.', hint);
  if (before.length >= MOST_WITNESSES) throw wrong(`There are ${MOST_WITNESSES} witnesses already.`, hint);
}
