/** Our own resources, under `aga://`: how each is read, and how who watches it learns that it has changed. */
import { notFound } from '../../authority/find.ts';
import { hasEnded } from '../../authority/job.ts';
import { canonicalize, type Json } from '../../base/canonical.ts';
import type { Caller } from '../../caller.ts';
import { witnessedHead } from '../../evidence/cosigned.ts';
import type { Service } from '../../service/service.ts';
import { getJob } from '../../tools/get-job.ts';
import { inspect } from '../../tools/inspect.ts';
import { overOf, visibleJob } from '../../tools/job.ts';
import { ownEvidence } from '../../tools/verify-evidence.ts';
import type { Session } from './session.ts';
import { Watching } from './watching.ts';

interface Asked {
  readonly service: Service;
  readonly caller: Caller;
  /** What the groups of `uri` hold. */
  readonly parts: readonly (string | undefined)[];
}

interface Resource {
  readonly uri: RegExp;
  /** As it is listed: with a `uri`, or with a `uriTemplate` (RFC 6570) where there are many. */
  readonly listed: { readonly [member: string]: string } & { readonly mimeType: string };
  /** Throws the refusal of a caller who may not see it. */
  read(asked: Asked): Promise<string>;
  /** Differs whenever `read` would; absent where that never changes. */
  version?(asked: Asked): Promise<string>;
}

const json = 'application/json';

const RESOURCES: readonly Resource[] = [
  {
    uri: /^aga:\/\/chain\/checkpoint$/,
    listed: {
      uri: 'aga://chain/checkpoint',
      name: 'checkpoint',
      title: 'Signed head of the chain',
      mimeType: 'text/plain',
    },
    read: async ({ service, caller }) => {
      const last = { after: Number.MAX_SAFE_INTEGER, limit: 1 };
      return service.read(caller, async (reader) => {
        const { head } = await reader.read(last);
        return head ? witnessedHead(reader, head) : '';
      });
    },
    version(asked) {
      return this.read(asked);
    },
  },
  {
    uri: /^aga:\/\/artifacts\/([0-9a-f]{64})$/,
    listed: { uriTemplate: 'aga://artifacts/{hash}', name: 'artifact', title: 'Signed artifact', mimeType: json },
    read: async ({ service, caller, parts: [artifact_hash] }) =>
      canonicalize((await service.call(inspect, { artifact_hash }, caller)).artifact as Json), // of its schema
  },
  {
    uri: /^aga:\/\/evidence\/([0-9a-z-]{1,128})$/,
    listed: { uriTemplate: 'aga://evidence/{id}', name: 'evidence', title: 'Exported evidence', mimeType: json },
    async read({ service, caller, parts: [id = ''] }) {
      const bytes = await service.read(caller, (reader) => ownEvidence(reader, id, caller.artifact));
      if (bytes === undefined) throw notFound();
      return new TextDecoder().decode(bytes);
    },
  },
  {
    uri: /^aga:\/\/jobs\/([0-9a-f]{32})(?:\?after=(0|[1-9]\d{0,8}))?$/,
    listed: {
      uriTemplate: 'aga://jobs/{job_id}{?after}',
      name: 'job',
      title: 'A job and its events after a number; subscribe to follow it',
      mimeType: json,
    },
    read: async ({ service, caller, parts: [job_id, after = '0'] }) =>
      JSON.stringify(await service.call(getJob, { job_id, after_event: Number(after) }, caller)),
    version: ({ service, caller, parts: [id = ''] }) =>
      service.ask({
        name: getJob.name,
        caller,
        writes: false,
        decide(context) {
          const job = visibleJob(context, id);
          return { answer: `${job.events} ${hasEnded(job) || overOf(job, context) !== undefined}` };
        },
      }),
  },
];

/** For resources that never change, only the end of the caller's authority is reported. */
const unchanged = ({ service, caller }: Asked): Promise<string> =>
  service.ask({ name: 'watch', caller, writes: false, decide: () => ({ answer: '' }) });

type Resources = Required<Pick<Session, 'listResources' | 'listResourceTemplates' | 'readResource' | 'watchResource'>>;

const watching = new WeakMap<Service, Watching>();

/** Everything that is watched of one authority is looked at together. */
export function watchingOf(service: Service): Watching {
  const known = watching.get(service) ?? new Watching((listener) => service.onNews(listener));
  watching.set(service, known);
  return known;
}

export function ownResources(service: Service, caller: Caller): Resources {
  function find(uri: string): { resource: Resource; asked: Asked } | undefined {
    for (const resource of RESOURCES) {
      const [, ...parts] = resource.uri.exec(uri) ?? [];
      if (resource.uri.test(uri)) return { resource, asked: { service, caller, parts } };
    }
    // What has our scheme, in any case (RFC 3986, section 3.1), is ours to answer, and no upstream's.
    if (/^aga:/i.test(uri)) throw notFound();
    return undefined;
  }
  const listed = (by: string) => RESOURCES.map((each) => each.listed).filter((each) => by in each);
  return {
    listResources: async () => listed('uri'),
    listResourceTemplates: async () => listed('uriTemplate'),
    async readResource(uri) {
      const found = find(uri);
      if (!found) return undefined;
      const { mimeType } = found.resource.listed;
      return { contents: [{ uri, mimeType, text: await found.resource.read(found.asked) }] };
    },
    async watchResource(uri, watch) {
      const found = find(uri);
      if (!found) return undefined;
      const { resource, asked } = found;
      if (!resource.version) await resource.read(asked);
      return watchingOf(service).add(() => resource.version?.(asked) ?? unchanged(asked), watch);
    },
  };
}
